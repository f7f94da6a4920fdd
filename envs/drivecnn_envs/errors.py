"""Errors that a user can mend. Each says what was expected, what came and what to do."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line; the CLI exits with 2."""


class MapError(InputError):
    """A map cannot be read or driven. The message names the file and line, or the map name."""


class MapWarning(UserWarning):
    """A map was read, but not all of it. The message names the file and what was left out."""


class TrafficWarning(UserWarning):
    """There is less traffic than was wanted. The message says how much there is."""
