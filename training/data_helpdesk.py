"""Invented pages of facts with questions in other words. In: `data_facts.txt` and a seeded generator. Writes nothing.

Nothing here describes anything real. Each kind of fact has several sentences that state it and several questions that mostly
avoid the words of those sentences; the same kind with another plan, item or value is the natural distractor. A tenth of the
kinds is held out of training: questions about them show whether wording that was never seen is understood.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

_SYLLABLES = "ka lo mi ra ven tor del sy nor fen qui bex zal or im tu pra vel cor dex lum sta gri pon ha wex jo ty ne ris".split()
_PLANS = "Free Starter Basic Solo Team Plus Pro Growth Business Premium Scale Enterprise Studio Personal Family Nonprofit Lite Standard Advanced Unlimited".split()
_FEATURES = (
    "boards;dashboards;reports;forms;automations;shared folders;calendars;invoices;templates;the mobile app;guest links;webhooks;the inbox;"
    "custom fields;comments;time tracking;file previews;the audit log;recurring tasks;email campaigns;surveys;the help widget;"
    "single sign-on;data exports;backups;the API;video calls;notes;checklists;the sync client;approval flows;timesheets;the desktop app;labels;macros"
).split(";")
_ROLES = (
    "owner;admin;manager;editor;member;viewer;guest;billing contact;agent;supervisor;workspace owner;team lead".split(
        ";"
    )
)
_MENUS = "Settings;Billing;Security;Members;Account;Workspace;Integrations;Notifications;Profile;Data;Team;Privacy;Preferences;Plans;Appearance;Advanced;Devices;Tools".split(
    ";"
)
_ACTIONS = (
    "cancel a subscription;change the password;invite a colleague;export all data;delete the workspace;restore a deleted file;change the card on file;"
    "rename a project;turn on dark mode;connect a calendar;merge two accounts;transfer ownership;download an invoice;add a custom domain;"
    "reset two-step verification;archive a board;import contacts;change the language;mute notifications;create an access token;"
    "share a folder;remove a member;schedule a report;duplicate a template;set a spending limit;revoke a session;upgrade to a higher plan;print a label"
).split(";")
_FORMATS = "CSV PDF XLSX JSON XML HTML Markdown ZIP PNG DOCX ICS TXT".split()
_REGIONS = "Frankfurt;Dublin;Oregon;Singapore;Sydney;Toronto;São Paulo;Tokyo;Paris;Stockholm;Mumbai;Virginia;London;Zurich".split(
    ";"
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_LANGUAGES = (
    "English German French Spanish Italian Dutch Polish Japanese Portuguese Swedish Korean Turkish Danish Czech".split()
)
_KEYS = "Ctrl+K;Ctrl+Shift+P;Alt+N;Ctrl+E;Shift+F;Ctrl+Alt+D;G then I;Ctrl+Enter;Alt+Shift+S;Ctrl+J;Shift+?;Ctrl+Shift+A".split(
    ";"
)
_METHODS = "credit card;bank transfer;PayPal;direct debit;purchase order;gift card;invoice;cheque;mobile wallet".split(
    ";"
)
_UNITS = "MB GB TB".split()

_CAUSES = (
    "the file is locked by another user;the card was declined;the access token has expired;the workspace is full;the address is already in use;"
    "the connection timed out;the file name is too long;the licence has no free seat;two people edited the same field;the import file has no header row;"
    "the device clock is wrong;the folder was moved;the certificate has expired;the daily limit is reached"
).split(";")
_FILLERS = (
    "Changes take effect at once.;You can change this at any time.;This applies to new and existing workspaces.;Ask your administrator if you do not see this option.;"
    "We recommend checking this before you start.;The same rules apply to every member of the workspace.;Nothing else changes for your team.;"
    "You will receive a confirmation by email.;Most teams never need to touch this setting.;This page explains how it works.;Reload the page if the change does not appear.;"
    "Custom agreements may differ.;The setting is saved automatically.;Your data stays untouched."
).split(";")
_GROUPS = "students;charities;schools;startups;public libraries;teachers;open-source projects;partner agencies".split(
    ";"
)
_TOPICS = (
    "billing;security;data protection;partnerships;press;technical problems;invoices;accounts;training;feedback".split(
        ";"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`key` names what is asked about (kind and the entity); two facts with one key never stand in one product."""

    kind: str
    key: str
    statement: str
    short: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    title: str
    heading: str
    text: str
    facts: tuple[Fact, ...]


def name(rng: random.Random) -> str:
    return "".join(rng.sample(_SYLLABLES, rng.choice((2, 2, 3)))).capitalize()


def _money(rng: random.Random) -> str:
    value = rng.choice(
        (
            f"{rng.randint(2, 99)}",
            f"{rng.randint(2, 60)}.{rng.choice(('50', '90', '99', '25'))}",
            f"{rng.randint(100, 1900)}",
        )
    )
    return rng.choice(("${}", "€{}", "£{}", "${}", "{} euros", "{} dollars")).format(value)


def _nth(rng: random.Random) -> str:
    day = rng.randint(1, 28)
    return f"{day}{'th' if 10 < day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


_SPAN_WORDS = "minutes;hours;hours;days;weeks;working days".split(";")
_ITEMS = "kettle;lamp;desk;tent;drill;backpack;jacket;blender;bicycle;sofa;pan;radio;mattress;suitcase;toaster;camera;heater;rug;helmet;speaker;fan;shelf;watch;scooter".split(
    ";"
)
_MACHINES = "pump;compressor;press;lathe;mixer;conveyor;saw;boiler;crane;printer;grinder;lifter;dryer;cutter;roller;welder".split(
    ";"
)
_CITIES = "Marlow;Felsberg;Tornby;Lunden;Castrel;Brenholm;Vestria;Norwick;Almere;Dunmore;Hartley;Sollen;Riverton;Kestrel Bay;Oakham;Pelling".split(
    ";"
)
_FIRST = "Anna;Boris;Clara;Daniel;Emma;Farid;Grace;Hugo;Ines;Jonas;Karla;Liam;Maria;Nils;Olga;Pavel;Rosa;Samir;Tara;Viktor;Wanda;Yusuf".split(
    ";"
)
_LAST = "Berg;Costa;Dahl;Evans;Fischer;Garcia;Hansen;Ivanov;Jensen;Keller;Lopez;Meyer;Novak;Olsen;Petrov;Rossi;Silva;Turner;Weber;Young".split(
    ";"
)
_MONTHS = "January February March April May June July August September October November December".split()
_COURSES = "Algebra 1;Botany;Chemistry for nurses;Drawing;Early music;French 2;Geology;History of trade;Italian 1;Journalism;Logic;Marketing;Organic chemistry;Physics 3;Statistics;Web design;World literature;Zoology".split(
    ";"
)
_ROOMS = "room 12;room 204;the blue room;the old hall;room B7;the library;the workshop;the east wing;room 31;the laboratory;the small hall;room C15".split(
    ";"
)
_EXAMS = "blood test;scan;knee operation;eye test;heart check;x-ray;allergy test;skin treatment;back massage;hearing test;vaccination;stomach check".split(
    ";"
)
_WORDS = {
    "item": _ITEMS, "machine": _MACHINES, "city": _CITIES, "course": _COURSES, "room": _ROOMS, "exam": _EXAMS,
    "material": "oak;steel;cotton;wool;aluminium;leather;glass;bamboo;recycled plastic;ceramic;linen".split(";"),
    "part": "handle;cable;lid;strap;hinge;plug;wheel;cover;blade;seal".split(";"),
    "dept": "sales;purchasing;legal;research;marketing;finance;design;logistics;press;quality".split(";"),
    "bin": "paper;glass;garden;plastic;grey;brown".split(";"),
    "event": "a street party;a new fence;a bonfire;a shop sign;a concert;a film in the park;a balcony;cutting a tree".split(";"),
    "doc": "an identity card;the rental contract;two photographs;a birth certificate;your old passport;a letter from the landlord".split(";"),
    "colour": "red;green;yellow;blue;orange;white;purple".split(";"),
    "fault": "the tank is empty;a door is open;the filter is dirty;the belt is loose;the motor is too hot;the water is missing;a fuse is broken;the pressure is too low".split(";"),
    "repair": "close the front door;fill the tank;replace the fuse;tighten the belt;clean the filter;let the motor cool down;call the service;turn the valve to the left".split(";"),
    "gear": "safety glasses;thick gloves;ear protection;steel-toed shoes;a hard hat;a dust mask".split(";"),
    "button": "Start;Menu;Back;Set;Hold;Power;Mode;Plus".split(";"),
    "medicine": "syrup;ointment;blue tablet;spray;eye drops;powder;white capsule".split(";"),
    "aid": "a pocket calculator;a dictionary;one page of notes;the formula sheet;a ruler;the textbook".split(";"),
    "book": "»The First Step«;»Green Rivers«;»A Short Path«;»Numbers at Work«;»The Open Window«;»Seven Lessons«".split(";"),
    "sight": "sea;castle;lake;old town;mountains;garden".split(";"),
    "word": "bluewhale7;sunny-day;harbour22;tea4two;oldbridge;green-apple".split(";"),
    "place": "the fountain;the north gate;the ticket office;the town hall;the harbour;the museum shop".split(";"),
    "service": "Google;Microsoft;Slack;Okta;GitHub;Dropbox;Zoom;Salesforce".split(";"),
    "browser": "Firefox;Chrome;Safari;Edge;Opera".split(";"),
    "field": "phone number;email address;customer number;tax number;postal address".split(";"),
    "volt": "230 volts;110 volts;400 volts;24 volts;12 volts".split(";"),
}  # fmt: skip


_SLOTS: dict[str, Callable[[random.Random], str]] = {
    "money": _money,
    "n": lambda r: r.choice(
        (str(r.randint(2, 60)), str(r.randint(2, 50) * 10), f"{r.randint(1, 20)},{r.choice(('000', '500'))}")
    ),
    "small": lambda r: str(r.randint(3, 24)),
    "size": lambda r: (
        f"{r.choice((1, 2, 5, 8, 10, 20, 25, 40, 50, 100, 150, 200, 250, 300, 500, 750))} {r.choice(_UNITS)}"
    ),
    "days": lambda r: f"{r.choice((3, 5, 7, 10, 14, 15, 20, 21, 28, 30, 45, 60, 75, 90, 120, 180, 365))} days",
    "span": lambda r: f"{r.randint(2, 48)} {r.choice(('minutes', 'hours', 'hours', 'seconds', 'business days'))}",
    "hour": lambda r: f"{r.randint(6, 11)}:{r.choice(('00', '30'))}",
    "hour2": lambda r: f"{r.randint(14, 22)}:{r.choice(('00', '30'))}",
    "percent": lambda r: f"{r.choice((5, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 75))}%",
    "uptime": lambda r: f"99.{r.choice(('5', '9', '95', '99', '8', '0'))}%",
    "code": lambda r: r.choice(
        (str(r.randint(100, 999)), f"{r.choice('EPQSW')}-{r.randint(10, 99)}", f"{r.randint(1000, 9999)}")
    ),
    "version": lambda r: f"{r.randint(1, 12)}.{r.randint(0, 12)}",
    "os": lambda r: r.choice(("iOS", "Android", "Windows", "macOS")),
    "nth": _nth,
    "years": lambda r: f"{r.randint(2, 15)} years",
    "months": lambda r: f"{r.randint(2, 24)} months",
    "weight": lambda r: f"{r.choice((1, 2, 3, 5, 8, 12, 15, 20, 25, 40, 80, 150))}{r.choice(('', '.5'))} kg",
    "distance": lambda r: f"{r.randint(2, 300)} {r.choice(('km', 'kilometres', 'miles'))}",
    "temp": lambda r: f"{r.randint(4, 95)} °C",
    "ext": lambda r: str(r.randint(100, 999)),
    "year": lambda r: str(r.randint(1850, 2024)),
    "date": lambda r: f"{r.randint(1, 28)} {r.choice(_MONTHS)}{r.choice(('', f' {r.randint(2019, 2031)}'))}",
    "person": lambda r: f"{r.choice(('', '', 'Dr. '))}{r.choice(_FIRST)} {r.choice(_LAST)}",
}
_LISTS: dict[str, list[str]] = {
    "plan": _PLANS, "things": _FEATURES, "role": _ROLES, "menu": _MENUS, "action": _ACTIONS, "format": _FORMATS, "region": _REGIONS, "day": _DAYS,
    "language": _LANGUAGES, "keys": _KEYS, "method": _METHODS, "group": _GROUPS, "topic": _TOPICS, "cause": _CAUSES, **_WORDS,
}  # fmt: skip


def _values(rng: random.Random, product: str) -> dict[str, str]:
    values = {slot: make(rng) for slot, make in _SLOTS.items()}
    for slot, options in _LISTS.items():
        picks = rng.sample(options, 3)
        values |= {slot: picks[0], slot + "2": picks[1], slot + "3": picks[2]}
    bare = {name: values[name].removeprefix("the ") for name in ("things", "things2")}
    values |= {
        **bare, "product": product, "a_role": ("an " if values["role"][0] in "aeiou" else "a ") + values["role"],
        "email": f"{values['topic'].split()[-1]}@{product.lower()}.example",
    }  # fmt: skip
    return values | {name.capitalize(): value[0].upper() + value[1:] for name, value in values.items()}


_ENTITIES = (
    "plan things action group code topic os item machine city course room exam part dept bin event service browser medicine n "
    "colour"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str
    statements: tuple[str, ...]
    shorts: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        return zlib.crc32(self.name.encode()) % 10 == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """`titles` of its pages and the kinds of facts that stand on them."""

    titles: tuple[str, ...]
    kinds: tuple[Kind, ...]


@cache
def domains(*, held_out: bool) -> tuple[Domain, ...]:
    """The domains of `data_facts.txt`, with the kinds that training sees or with those that it does not."""
    found: list[tuple[str, list[Kind]]] = []
    for line in (Path(__file__).parent / "data_facts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("=="):
            found.append((line.partition(": ")[2], []))
        elif " | " in line and not line.startswith("#"):
            name, *parts = (tuple(p.strip() for p in part.split(" / ")) for part in line.split(" | "))
            statements, shorts, questions = parts
            found[-1][1].append(Kind(name=name[0], statements=statements, shorts=shorts, questions=questions))
    made = [
        Domain(titles=tuple(titles.split(";")), kinds=tuple(k for k in kinds if k.held_out == held_out))
        for titles, kinds in found
    ]
    return tuple(d for d in made if len(d.kinds) > 1)


_CHOICE = re.compile(r"\[([^\]]*)\]")


def _filled(template: str, values: dict[str, str], rng: random.Random) -> str:
    """One of each `[a;b;c]`, slots filled, spaces tidied."""
    chosen = _CHOICE.sub(lambda m: rng.choice(m[1].split(";")), template)
    return " ".join(chosen.format_map(values).split()).replace(" ,", ",").replace(" ?", "?")


def fact(rng: random.Random, product: str, kinds: tuple[Kind, ...] = ()) -> Fact:
    """One invented fact of `kinds` (of software products, unless given); the questions use the same slot values."""
    kind = rng.choice(kinds or domains(held_out=False)[0].kinds)
    values = _values(rng, product)
    at = rng.randrange(len(kind.statements))
    short = kind.shorts[at if len(kind.shorts) == len(kind.statements) else 0]
    joined = " ".join(kind.questions)
    return Fact(
        kind=kind.name,
        key=" ".join([kind.name, *(values[e] for e in _ENTITIES if "{" + e + "}" in joined)]),
        statement=_filled(kind.statements[at], values, rng),
        short=short.format_map(values),
        questions=tuple(_filled(q, values, rng) for q in kind.questions),
    )


def product_pages(rng: random.Random, pages: int, *, held_out: bool = False) -> tuple[str, tuple[Page, ...]]:
    """(product name, pages of one domain with two to six facts each); no key appears twice."""
    product, domain = name(rng), rng.choice(domains(held_out=held_out))
    seen: set[str] = set()
    made: list[Page] = []
    shared = rng.sample(domain.kinds, min(len(domain.kinds), 12))
    for title in rng.sample(domain.titles, min(pages, len(domain.titles))):
        facts: list[Fact] = []
        for _ in range(rng.randint(4, 12)):
            new = fact(rng, product, tuple(shared) if rng.random() < 0.7 else domain.kinds)
            if new.key not in seen and len(facts) < 6:
                seen.add(new.key)
                facts.append(new)
        if not facts:
            continue
        if rng.random() < 0.3:
            facts = [replace(f, statement=f.statement.replace(f.short, f"**{f.short}**", 1)) for f in facts]
        parts = [f.statement for f in facts]
        for _ in range(rng.randint(0, 2)):
            parts.insert(rng.randint(0, len(parts)), rng.choice(_FILLERS))
        heading = rng.choice(("", "", rng.choice(domain.titles), facts[0].kind.capitalize()))
        shown = rng.choice((title, title, f"{product} {title.lower()}", f"{title} in {product}"))
        made.append(Page(title=shown, heading=heading, text=" ".join(parts), facts=tuple(facts)))
    return product, tuple(made)
