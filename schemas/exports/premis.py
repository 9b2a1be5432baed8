"""One photo as a PREMIS 3 document: the intellectual entity, its files, every event, every agent.

Event types are terms of id.loc.gov/vocabulary/preservation/eventType. Local identifiers are of type ``oldphoto``:
``asset/<collection>/<key>`` (percent-encoded), ``file/<sha256>``, ``asset/…/event/3``, ``agent/<name>``. None is
a number of the catalog's rows: a catalog that is rebuilt from its files names photos and files alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from lxml import etree

from schemas.cells import json_text
from schemas.rows import DerivativeRow, Dossier, EventRow, ModelRow

NAMESPACE = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EVENT_TYPES = "http://id.loc.gov/vocabulary/preservation/eventType"
_IDENTIFIER = "oldphoto"
_UNSTORABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), 65533)
_UNSTORABLE |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)

Node = Any


def premis_document(dossier: Dossier) -> bytes:
    """Return the PREMIS document of a photo (a row of ``Catalog.dossiers``) in UTF-8."""
    root = etree.Element(f"{{{NAMESPACE}}}premis", version="3.0", nsmap={None: NAMESPACE, "xsi": _XSI})
    events = dossier["events"]
    _entity(root, dossier)
    _master(root, dossier)
    for files in _files(dossier):
        _derivative(root, dossier, files)
    for number, event in enumerate(events, start=1):
        _event(root, dossier, number, event)
    for name in dict.fromkeys(event["agent"] for event in events):
        _agent(root, name, _kind_of(events, name))
    for model in dossier["models"]:
        _model(root, model)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _entity(root: Node, dossier: Dossier) -> None:
    entity = _object(root, "intellectualEntity")
    _identifier(entity, "object", _asset(dossier))
    _text(entity, "originalName", f"{dossier['collection']}: {dossier['key']}")


def _master(root: Node, dossier: Dossier) -> None:
    content = dossier["content"]
    if content is None:
        return
    master = _object(root, "file")
    _identifier(master, "object", _file(content["sha256"]))
    _characteristics(master, content["sha256"], content["size"], content["format"] or "unknown")
    _text(master, "originalName", dossier["key"])
    for place in dossier["locations"][:1]:
        # Not where another file lies by now: a new scan of which there is no result yet.
        if place["sha256"] in (None, content["sha256"]):
            _storage(master, place["uri"])
    _relationship(master, "structural", "represents", _asset(dossier))


def _derivative(root: Node, dossier: Dossier, files: Sequence[DerivativeRow]) -> None:
    """Add the object of files that are the same bytes, such as two tiers of a photo without faces."""
    node, first = _object(root, "file"), files[0]
    _identifier(node, "object", _file(first["sha256"]))
    for file in files:
        what = _add(node, "significantProperties")
        _text(what, "significantPropertiesType", "kind")
        _text(what, "significantPropertiesValue", " ".join(filter(None, (file["kind"], file["tier"]))))
    _characteristics(node, first["sha256"], first["size"], first["media_type"], first)
    for file in files:
        _storage(node, file["uri"])
    if dossier["sha256"]:
        _relationship(node, "derivation", "has source", _file(dossier["sha256"]))


def _files(dossier: Dossier) -> list[list[DerivativeRow]]:
    """Return the files that were made, those of one digest together: one object has one identifier."""
    taken = {dossier["content"]["sha256"]} if dossier["content"] else set()
    found: dict[str, list[DerivativeRow]] = {}
    for file in dossier["derivatives"]:
        if file["sha256"] not in taken:
            found.setdefault(file["sha256"], []).append(file)
    return list(found.values())


def _event(root: Node, dossier: Dossier, number: int, event: EventRow) -> None:
    node = _add(root, "event")
    _identifier(node, "event", f"{_asset(dossier)}/event/{number}")
    kind = _text(node, "eventType", event["type"])
    kind.set("authority", "eventType")
    kind.set("authorityURI", _EVENT_TYPES)
    _text(node, "eventDateTime", _instant(event["at"]))
    if event["detail"]:
        # Sorted: each database gives another order, and equal documents should have equal bytes.
        detail = json_text(event["detail"], sort_keys=True)
        _text(_add(node, "eventDetailInformation"), "eventDetail", detail)
    outcome = _text(_add(node, "eventOutcomeInformation"), "eventOutcome", event["outcome"])
    outcome.set("authority", "eventOutcome")
    outcome.set("authorityURI", "http://id.loc.gov/vocabulary/preservation/eventOutcome")
    _link(node, "Agent", f"agent/{event['agent']}", ["implementer"])
    # Other bytes at the source are a modification as well, which no network had a part in.
    item = dossier.get("work_item")
    made = event["type"] == "modification" and item is not None and event["work_item"] == item
    if made:
        for model in dossier["models"]:
            _link(node, "Agent", _model_name(model), ["executing program"])
    _link(node, "Object", _asset(dossier), [])
    if made:
        if dossier["content"]:
            _link(node, "Object", _file(dossier["content"]["sha256"]), ["source"])
        for files in _files(dossier):
            _link(node, "Object", _file(files[0]["sha256"]), ["outcome"])


def _agent(root: Node, name: str, kind: str) -> None:
    node = _add(root, "agent")
    _identifier(node, "agent", f"agent/{name}")
    program, _, version = name.rpartition(" ")
    is_software = kind == "software"
    _text(node, "agentName", program if is_software and program else name)
    _text(node, "agentType", kind)
    if is_software and program:
        _text(node, "agentVersion", version)


def _model(root: Node, model: ModelRow) -> None:
    node = _add(root, "agent")
    _identifier(node, "agent", _model_name(model))
    _text(node, "agentName", model["name"])
    _text(node, "agentType", "software")
    _text(node, "agentVersion", model["version"])
    _text(node, "agentNote", f"trained weights, SHA-256 {model['weights_sha256']}")
    _text(node, "agentNote", f"licence {model['licence']}")


def _kind_of(events: Iterable[EventRow], name: str) -> str:
    return next(event["agent_type"] for event in events if event["agent"] == name)


def _characteristics(
    node: Node, sha256: str, size: int, form: str, made: DerivativeRow | None = None
) -> None:
    characteristics = _add(node, "objectCharacteristics")
    fixity = _add(characteristics, "fixity")
    _text(fixity, "messageDigestAlgorithm", "SHA-256")
    _text(fixity, "messageDigest", sha256)
    _text(characteristics, "size", str(size))
    _text(_add(_add(characteristics, "format"), "formatDesignation"), "formatName", form)
    if made is not None:
        program = _add(characteristics, "creatingApplication")
        _text(program, "creatingApplicationName", "oldphoto")
        _text(program, "dateCreatedByApplication", _instant(made["created_at"]))


def _relationship(node: Node, kind: str, subtype: str, other: str) -> None:
    relationship = _add(node, "relationship")
    _text(relationship, "relationshipType", kind)
    _text(relationship, "relationshipSubType", subtype)
    related = _add(relationship, "relatedObjectIdentifier")
    _text(related, "relatedObjectIdentifierType", _IDENTIFIER)
    _text(related, "relatedObjectIdentifierValue", other)


def _storage(node: Node, uri: str) -> None:
    location = _add(_add(node, "storage"), "contentLocation")
    _text(location, "contentLocationType", "URI" if "://" in uri else "path")
    _text(location, "contentLocationValue", uri)


def _link(node: Node, what: str, value: str, roles: Sequence[str]) -> None:
    link = _add(node, f"linking{what}Identifier")
    _text(link, f"linking{what}IdentifierType", _IDENTIFIER)
    _text(link, f"linking{what}IdentifierValue", value)
    for role in roles:
        _text(link, f"linking{what}Role", role)


def _identifier(node: Node, what: str, value: str) -> None:
    identifier = _add(node, f"{what}Identifier")
    _text(identifier, f"{what}IdentifierType", _IDENTIFIER)
    _text(identifier, f"{what}IdentifierValue", value)


def _object(root: Node, category: str) -> Node:
    node = _add(root, "object")
    node.set(f"{{{_XSI}}}type", category)
    return node


def _add(parent: Node, name: str) -> Node:
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")


def _text(parent: Node, name: str, value: str) -> Node:
    node = _add(parent, name)
    node.text = value.translate(_UNSTORABLE)
    return node


def _asset(dossier: Dossier) -> str:
    collection, key = (
        quote(name, safe=safe, errors="surrogateescape")
        for name, safe in ((dossier["collection"], ""), (dossier["key"], "/"))
    )
    return f"asset/{collection}/{key}"


def _file(sha256: str) -> str:
    return f"file/{sha256}"


def _model_name(model: ModelRow) -> str:
    return f"agent/{model['name']} {model['version']} {model['weights_sha256'][:12]}"


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
