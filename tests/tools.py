"""Importing tools as their vendors describe them: what each makes of a list and of a file of removals.

The rules are those of the pages that data_contracts/exports/ names. Nothing here is taken from the project's code, so
that a file is read as the tool reads it, and refused where the tool refuses it.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, str]
MEGABYTE = 1_000_000


class RefusedError(Exception):
    """The tool takes no such file."""


def refuse_if(wrong: object, why: str) -> None:
    if wrong:
        raise RefusedError(why)


def read_csv(path: Path, delimiter: str = ",", limit: int | None = None) -> tuple[list[str], list[Row]]:
    """A file's header and rows. It is UTF-8, and below the tool's limit."""
    content = path.read_bytes()
    refuse_if(limit is not None and len(content) >= limit, f"{len(content)} bytes are too many")
    refuse_if(content.startswith(b"\xef\xbb\xbf"), "a byte order mark is taken for a part of the first header")
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8", "strict"), newline=""), delimiter=delimiter)
    refuse_if(any(len(row) != len(header) for row in rows), "a row has another number of fields than the header")
    refuse_if(len(set(header)) < len(header), "two columns have one name")
    return header, [dict(zip(header, row, strict=True)) for row in rows]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- ad platforms: hashed identifiers ---


def google_email(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local.split('+')[0].replace('.', '')}@{domain}" if domain in ("gmail.com", "googlemail.com") else email


def tiktok_email(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local.split('+')[0]}@{domain}"


def yandex_email(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local}@{domain.encode('idna').decode()}"


@dataclass(frozen=True)
class Platform:
    """What an ad platform's files are: headers, identifiers and how each is made of an address, limits."""

    headers: tuple[str, ...]
    email: str
    phone: str
    normal_email: Callable[[str], str]
    normal_phone: Callable[[str], str]
    minimum: int = 0
    limit: int | None = None
    customer: str | None = None
    replaces: bool = False


PLATFORMS = {
    "google_ads": Platform(
        ("Email", "Phone", "First Name", "Last Name", "Country", "Zip"), "Email", "Phone", google_email, str
    ),
    "meta": Platform(
        ("email", "phone", "madid", "fn", "ln", "ct", "st", "country", "uid"),
        "email",
        "phone",
        str,
        lambda phone: phone.removeprefix("+"),
        minimum=100,
    ),
    "tiktok": Platform(
        ("Email_SHA256", "Phone_SHA256"), "Email_SHA256", "Phone_SHA256", tiktok_email, str, 1000, 1000 * MEGABYTE
    ),
    "yandex": Platform(
        ("email", "phone", "ext_id"),
        "email",
        "phone",
        yandex_email,
        lambda phone: phone.removeprefix("+"),
        100,
        1000 * MEGABYTE,
        "ext_id",
        replaces=True,
    ),
}
PLATFORMS["yandex_api"] = Platform(**{**PLATFORMS["yandex"].__dict__, "replaces": False})


@dataclass
class AdPlatform:
    """An audience of hashed identifiers. Without `checks_size` a list may be as short as a test wants it."""

    name: str
    checks_size: bool = True
    members: set[tuple[str, str]] = field(default_factory=set)

    def import_list(self, path: Path) -> None:
        rows = self._read(path)
        minimum = PLATFORMS[self.name].minimum if self.checks_size else 0
        refuse_if(len(rows) < minimum, f"{len(rows)} rows are too few")
        self.members = (set() if PLATFORMS[self.name].replaces else self.members) | self._identifiers(rows)

    def import_removals(self, path: Path) -> None:
        """By the tool's own "remove": what the file names goes, whatever else stands there."""
        refuse_if(PLATFORMS[self.name].replaces, "the tool has no remove")
        rows = self._read(path)
        known = {PLATFORMS[self.name].email, PLATFORMS[self.name].phone, PLATFORMS[self.name].customer}
        refuse_if(any(v for row in rows for h, v in row.items() if h not in known), "a removal is an identifier")
        self.members -= self._identifiers(rows)

    def members_of(self, people: Iterable[Row | dict[str, str | None]]) -> set[tuple[str, str]]:
        """The identifiers of people given by email, phone and customer_id."""
        rules = PLATFORMS[self.name]
        found = set()
        for person in people:
            if person["email"]:
                found.add((rules.email, sha256(rules.normal_email(person["email"]))))
            if person["phone"]:
                found.add((rules.phone, sha256(rules.normal_phone(person["phone"]))))
            if rules.customer and person["customer_id"]:
                found.add((rules.customer, person["customer_id"]))
        return found

    def _read(self, path: Path) -> list[Row]:
        rules = PLATFORMS[self.name]
        header, rows = read_csv(path, limit=rules.limit)
        refuse_if(tuple(header) != rules.headers, f"the headers are {header}")
        plain = {rules.customer, "madid", "uid", "Country", "Zip"}
        for row in rows:
            for name, value in row.items():
                hashed = name in plain or not value or re.fullmatch("[0-9a-f]{64}", value)
                refuse_if(not hashed, f"{name} is no SHA-256: {value}")
            if self.name == "google_ads":
                named = row["First Name"] or row["Last Name"]
                refuse_if(named and not (row["Country"] and row["Zip"]), "a name without Country and Zip")
                refuse_if(row["Country"] and not re.fullmatch("[A-Z]{2}", row["Country"]), "a country that is none")
        return rows

    def _identifiers(self, rows: list[Row]) -> set[tuple[str, str]]:
        rules = PLATFORMS[self.name]
        return {
            (name, row[name])
            for row in rows
            for name in (rules.email, rules.phone, rules.customer)
            if name and row[name]
        }


# --- CRM tools: contacts with fields ---


@dataclass(frozen=True)
class Crm:
    """What a CRM tool's files are: the columns by which it finds a contact, the first that has a value; limits."""

    keys: tuple[str, ...]
    fields: tuple[str, ...] = ()
    delimiter: str = ","
    limit: int | None = None
    longest_field: int | None = None
    checks_names: bool = False


CRMS = {
    "mautic": Crm(("email", "phone"), ("firstname", "lastname", "doNotEmail"), longest_field=25),
    "unisender": Crm(("email", "phone"), limit=20 * MEGABYTE),
    "esputnik": Crm(("email", "phone"), limit=300 * MEGABYTE, checks_names=True),
    "mindbox": Crm(("CustomerId", "Email", "MobilePhone"), delimiter=";"),
}


@dataclass
class ContactTool:
    """Contacts whose imports only add and change, and a segment that filters on one field.

    `fields` are the contact's own, made by hand in the tool before the first import.
    """

    name: str
    fields: tuple[str, ...]
    contacts: list[Row] = field(default_factory=list)
    unsubscribed: set[str] = field(default_factory=set)

    def import_list(self, path: Path) -> None:
        """The tool has one import, for whatever file."""
        rules = CRMS[self.name]
        header, rows = read_csv(path, rules.delimiter, rules.limit)
        for name in header:
            refuse_if(name not in (*rules.keys, *rules.fields, *self.fields), f"there is no field {name}")
            refuse_if(rules.longest_field and len(name) > rules.longest_field, f"{name} is too long for a field")
        for row in rows:
            self._check(row)
            self._contact(row).update({name: value for name, value in row.items() if value})
            if row.get("doNotEmail") in ("true", "1", "on", "yes"):
                self.unsubscribed.add(row["email"])

    def import_removals(self, path: Path) -> None:
        self.import_list(path)

    def segment(self, field_name: str, value: str) -> set[str]:
        """Addresses of the contacts whose field has this value, less those that unsubscribed."""
        address = {"mindbox": "Email"}.get(self.name, "email")
        found = {c[address] for c in self.contacts if c.get(field_name) == value and c.get(address)}
        return found - self.unsubscribed

    def _check(self, row: Row) -> None:
        refuse_if(not any(row.get(key) for key in CRMS[self.name].keys), "a row names nobody")
        if CRMS[self.name].checks_names:
            for name in ("firstName", "lastName"):
                bad = re.match(r"[^\w]", row.get(name, ""))
                refuse_if(bad, f"a name begins with {bad and bad[0]}")

    def _contact(self, row: Row) -> Row:
        """The contact that a row is about: found by its first key, made if there is none. No two share an address."""
        keys = [key for key in CRMS[self.name].keys if row.get(key)]
        found = next((c for key in keys for c in self.contacts if c.get(key) == row[key]), None)
        if found is None or (
            keys[0] == "CustomerId" and found.get("CustomerId", row["CustomerId"]) != row["CustomerId"]
        ):
            found = {}
            self.contacts.append(found)
        for other in self.contacts:
            if other is not found:
                for key in keys:
                    if other.get(key) == row[key]:
                        del other[key]
        return found


# --- gateways: a file is a sending ---


@dataclass
class Gateway:
    """Sends to everybody in a file, and keeps nothing."""

    address: str
    sent: list[str] = field(default_factory=list)

    def import_list(self, path: Path) -> None:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        else:
            _, rows = read_csv(path)
        for row in rows:
            refuse_if(not row.get(self.address), f"a row has no {self.address}")
            refuse_if(
                self.address == "phone" and not re.fullmatch(r"\+[1-9]\d{6,14}", row["phone"]),
                "a phone is not in E.164",
            )
            self.sent.append(row[self.address])
