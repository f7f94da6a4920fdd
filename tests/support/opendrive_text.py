"""OpenDRIVE documents, put together from few words."""

import numpy as np


def lane(number, kind="driving", width="<width sOffset='0' a='3.5' b='0' c='0' d='0'/>", more=""):
    return f"<lane id='{number}' type='{kind}'>{more}{width}</lane>\n"


def section(start, left="", right="", centre_mark="solid"):
    centre = f"<lane id='0' type='none'><roadMark sOffset='0' type='{centre_mark}'/></lane>"
    return (
        f"<laneSection s='{start}'>\n<left>\n{left}</left>\n<center>{centre}</center>\n"
        f"<right>\n{right}</right>\n</laneSection>\n"
    )


def geometry(start=0, x=0, y=0, length=100, shape="<line/>", heading=0):
    return (
        f"<geometry s='{start}' x='{x}' y='{y}' hdg='{heading}' length='{length}'>{shape}"
        "</geometry>\n"
    )


def road(name, sections, link="", plan=None, length=100, more="", attributes="junction='-1'"):
    return (
        f"<road id='{name}' length='{length}' {attributes}>\n<link>{link}</link>\n{more}"
        f"<planView>{plan or geometry(length=length)}</planView>\n"
        f"<lanes>{sections}</lanes>\n</road>\n"
    )


def document(*parts):
    return f"<?xml version='1.0'?>\n<OpenDRIVE>\n{''.join(parts)}</OpenDRIVE>\n"


def joined(tag, name, contact="start"):
    return f"<{tag} elementType='road' elementId='{name}' contactPoint='{contact}'/>"


def to(tag, *numbers):
    return "<link>" + "".join(f"<{tag} id='{number}'/>" for number in numbers) + "</link>"


TWO_WAY = section(0, lane(2) + lane(1), lane(-1) + lane(-2))


def linked_roads(second_contact="start"):
    """Road a runs from x = 0 to 100; road b goes on from there, laid out from either end."""
    at_start = second_contact == "start"
    own = "predecessor" if at_start else "successor"
    sign = 1 if at_start else -1
    return document(
        road(
            "a",
            section(0, lane(1, more=to("successor", sign)), lane(-1, more=to("successor", -sign))),
            joined("successor", "b", second_contact),
        ),
        road(
            "b",
            section(0, lane(1, more=to(own, sign)), lane(-1, more=to(own, -sign))),
            joined(own, "a", "end"),
            geometry(x=100 if at_start else 200, heading=0 if at_start else np.pi),
        ),
    )


def crossroads(kind="default"):
    """From road a straight on to b, or along connecting road c of junction j: one lane each."""
    lanes = section(0, right=lane(-1))
    link = "<{} elementType='junction' elementId='j'/>"
    connecting = "connectingRoad" if kind == "default" else "linkedRoad"
    target = "c" if kind == "default" else "b"
    connection = (
        f"<connection id='0' incomingRoad='a' {connecting}='{target}' contactPoint='start'>"
        "<laneLink from='-1' to='-1'/></connection>"
    )
    parts = [
        road("a", lanes, link.format("successor")),
        road("b", lanes, link.format("predecessor"), geometry(x=100 if kind == "direct" else 120)),
        f"<junction id='j' name='main' type='{kind}'>{connection}</junction>",
    ]
    if kind == "default":
        links = joined("predecessor", "a", "end") + joined("successor", "b", "start")
        own = to("predecessor", -1).replace("</link>", "<successor id='-1'/></link>")
        mark = "<roadMark sOffset='0' type='solid'/>"
        inside = section(0, right=lane(-1, more=own + mark))
        plan = geometry(x=100, length=20)
        parts.append(road("c", inside, links, plan, 20, attributes="junction='j'"))
    return document(*parts)


GOOD = document(road("a", section(0, right=lane(-1))))
