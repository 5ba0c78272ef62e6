"""Invented product documentation: pages of facts with questions in other words. Pure functions of a seed; writes nothing.

Nothing here describes a real product. Each kind of fact has several sentences that state it and several questions that mostly
avoid the words of those sentences; the same kind with another plan, feature or value is the natural distractor.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

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

# kind | statements (/) | short answer | questions (/)
_FACTS = """
price | The {plan} plan costs {money} per user per month. / {plan} is priced at {money} for each seat every month. / You pay {money} a month per user on the {plan} plan. | {money} | How much is {plan}? / What does the {plan} plan cost? / What is the monthly fee for {plan}? / How much do we pay for each person on {plan}? / What's the price of a {plan} seat?
yearly | Billed yearly, {plan} comes to {money} per user. / With annual billing the {plan} plan is {money} per user per year. | {money} | How much is {plan} if we pay once a year? / What is the annual price of {plan}? / What does a year of {plan} cost?
seats | The {plan} plan includes up to {n} members. / Up to {n} people can use a {plan} workspace. / A workspace on {plan} is limited to {n} members. | {n} | How many users can we have on {plan}? / What is the member limit of {plan}? / How big can our team be on the {plan} plan? / How many people fit in a {plan} workspace?
storage | {plan} comes with {size} of storage. / Each {plan} workspace has {size} of space for files. / On {plan}, storage is capped at {size}. | {size} | How much storage do I get on {plan}? / How much space for files does {plan} give? / What is the storage limit on the {plan} plan?
upload | A single file may be at most {size}. / The largest file you can upload is {size}. / Uploads above {size} are rejected. | {size} | What is the maximum file size? / How big can an attachment be? / What's the biggest file I can send? / How large may an upload be?
trial | The free trial of {plan} lasts {days}. / You can try {plan} for {days} without a card. / Every new {plan} account starts with a trial of {days}. | {days} | How long is the trial? / For how long can I test {plan} for free? / When does the {plan} trial run out? / How many days can I try {plan}?
refund | Refunds are possible within {days} of payment. / We return your money if you ask within {days} of the charge. / A refund can be requested up to {days} after a purchase. | {days} | How long do I have to ask for my money back? / What is the refund window? / Until when can I get a refund? / Can I get my money back, and how soon must I ask?
retention | Deleted {things} stay in the trash for {days}. / {Things} that you delete can be restored for {days}. / We keep deleted {things} for {days} before they are erased. | {days} | How long can I restore deleted {things}? / When are deleted {things} gone for good? / How long do you keep {things} I removed? / For how many days are {things} in the trash?
hours | Support is open from {day} to {day2}, {hour} to {hour2}. / Our support team answers from {hour} to {hour2}, {day} to {day2}. | {hour} to {hour2} | When can I reach support? / What are the opening hours of the help desk? / At what times does someone answer? / What are your support hours?
reply | {plan} customers get a first reply within {span}. / On {plan}, support answers within {span}. / The response time for {plan} is {span}. | {span} | How fast does support reply on {plan}? / How long will I wait for an answer with {plan}? / What is the response time for {plan} customers?
path | To {action}, open {menu} > {menu2}. / Go to {menu} > {menu2} to {action}. / You can {action} under {menu} > {menu2}. | {menu} > {menu2} | How do I {action}? / Where can I {action}? / Which menu lets me {action}? / Where do I go to {action}?
role | Only the {role} can {action}. / To {action} you must be {a_role}. / The right to {action} belongs to the {role}. | {role} | Who can {action}? / Which role do I need to {action}? / Who is allowed to {action}? / What permission is required to {action}?
feature | {Things} are available on {plan} and above. / {Things} need the {plan} plan or higher. / You get {things} from the {plan} plan on. | {plan} | Which plan do I need for {things}? / What plan includes {things}? / From which plan on can we use {things}? / What is the cheapest plan with {things}?
rate | The API accepts {n} requests per minute on {plan}. / On {plan} the rate limit is {n} calls per minute. | {n} | How many API calls can I make per minute on {plan}? / What is the rate limit on {plan}? / How often may I call the API with {plan}?
count | You can create up to {n} {things} on {plan}. / {plan} allows {n} {things}. / The limit for {things} on {plan} is {n}. | {n} | How many {things} can I have on {plan}? / What is the maximum number of {things} on {plan}? / How many {things} does {plan} allow?
formats | {Things} can be exported as {format} and {format2}. / You can download {things} in {format} or {format2} format. | {format} and {format2} | In which formats can I export {things}? / What file types can {things} be saved as? / How can I get {things} out of the product? / Which formats are offered when downloading {things}?
invite | An invitation expires after {days}. / Invitation links are valid for {days}. / Invited people have {days} to accept. | {days} | How long does an invitation work? / When does an invite stop working? / How long do my colleagues have to join after I invite them?
session | You are signed out after {span} without activity. / Sessions end after {span} of inactivity. | {span} | When am I logged out automatically? / After how long does my session time out? / How long can I be idle before I must log in again?
password | A password needs at least {small} characters. / Passwords must be {small} characters or longer. / The shortest password we accept has {small} characters. | {small} | How long must a password be? / What is the minimum password length? / How many characters does my password need?
codes | You receive {small} recovery codes when you turn on two-step verification. / Two-step verification comes with {small} backup codes. | {small} | How many recovery codes do I get? / How many backup codes come with two-factor login? / What number of emergency codes will I be given?
retry | Failed deliveries are retried {small} times over {span}. / If a delivery fails, we try {small} more times within {span}. | {small} | How many times do you retry a failed delivery? / What happens when a webhook fails: how often is it repeated? / How many attempts are made after an error?
backup | Backups are made every {span}. / A backup of all data runs every {span}. / We back up your data once every {span}. | {span} | How often is our data backed up? / What is the backup interval? / How frequently do backups run?
region | Data is stored in {region}. / Our servers are in {region}. / Your data is hosted in our {region} data centre. | {region} | Where is our data kept? / In which city are the servers? / Where do you host customer data? / What is the hosting location?
discount | {Group} get {percent} off every plan. / We give {group} a discount of {percent}. / There is a {percent} discount for {group}. | {percent} | What discount do {group} get? / How much cheaper is it for {group}? / Is there a reduced price for {group}? / How much can {group} save?
payment | We accept {method} and {method2}. / You can pay by {method} or {method2}. / Payment is possible by {method} and by {method2}. | {method} and {method2} | How can I pay? / Which payment methods are accepted? / What ways of paying do you offer? / Can I pay by {method}?
invoice | Invoices are sent on the {nth} of each month. / You receive your invoice on the {nth} of every month. / We bill on the {nth} of the month. | {nth} | When do I get my invoice? / On which day of the month are we billed? / What is the billing date?
os | The mobile app needs {os} {small} or later. / {os} {small} is the oldest version that the app supports. | {os} {small} | Which {os} version do I need? / What is the oldest {os} release the app runs on? / Does the app work on my {os} phone, and from what version?
error | Error {code} means that {cause}. / You see error {code} when {cause}. / If {cause}, the app shows error {code}. | {cause} | What does error {code} mean? / Why do I get error {code}? / What is the reason for code {code}?
shortcut | Press {keys} to {action}. / The shortcut {keys} lets you {action}. / {keys} is the keyboard shortcut to {action}. | {keys} | What is the shortcut to {action}? / Which keys do I press to {action}? / How can I {action} from the keyboard?
language | The interface is available in {language}, {language2} and {language3}. / {product} speaks {language}, {language2} and {language3}. | {language}, {language2} and {language3} | Which languages are supported? / In what languages can I use {product}? / Is {product} available in {language}?
default | By default, {things} are visible to {role}s only. / New {things} can be seen by {role}s only unless you change it. | {role}s only | Who sees new {things} by default? / Who can view {things} if I change nothing? / What is the default visibility of {things}?
fee | Extra storage costs {money} per {size}. / Each further {size} is charged at {money}. | {money} | How much is extra storage? / What do I pay for additional space? / What does more storage cost?
late | If a payment fails, the workspace becomes read-only after {days}. / After {days} without payment, nobody can edit the workspace. | {days} | What happens if we do not pay, and when? / How long until an unpaid workspace is locked? / When does the workspace become read-only after a failed payment?
minimum | {plan} requires at least {small} seats. / The smallest {plan} order is {small} seats. | {small} | What is the minimum number of seats for {plan}? / How many seats must I buy at least on {plan}? / Can a small team buy {plan}, and from how many seats?
uptime | We promise {uptime} uptime on {plan}. / {plan} has a guaranteed availability of {uptime}. | {uptime} | What uptime do you guarantee on {plan}? / How reliable is {plan}? / What availability is promised to {plan} customers?
email | Write to {email} for questions about {topic}. / For {topic}, contact {email}. / Questions about {topic} go to {email}. | {email} | Which address do I write to about {topic}? / Who do I contact for {topic}? / Where do I send questions about {topic}?
sync | {Things} sync every {span}. / Changes to {things} appear on other devices within {span}. | {span} | How often do {things} sync? / How long until a change to {things} shows up elsewhere? / How quickly are {things} updated on my other devices?
history | The {plan} plan keeps version history for {days}. / On {plan} you can go back {days} in the version history. | {days} | How far back can I see old versions on {plan}? / How long is the history kept on {plan}? / How old can a version be that I restore with {plan}?
parental | Guests may stay in a workspace for {days}. / Guest access ends after {days}. | {days} | How long can an outside person have access? / When does guest access stop? / For how long are guests let in?
release | {Things} were added in version {version}. / Version {version} introduced {things}. | {version} | Since which version are {things} there? / In what release did {things} arrive? / Which version do I need at least to use {things}?
""".strip().splitlines()
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
_TITLES = "Plans and prices;Billing;Getting started;Limits;Security;Members and roles;Data and backups;Mobile app;Integrations;Support;Files and storage;Shortcuts;Troubleshooting;Release notes;Exports;Account settings;Notifications;Privacy;API guide;Workspaces".split(
    ";"
)
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
}
_LISTS: dict[str, list[str]] = {
    "plan": _PLANS, "things": _FEATURES, "role": _ROLES, "menu": _MENUS, "action": _ACTIONS, "format": _FORMATS, "region": _REGIONS, "day": _DAYS,
    "language": _LANGUAGES, "keys": _KEYS, "method": _METHODS, "group": _GROUPS, "topic": _TOPICS, "cause": _CAUSES,
}  # fmt: skip


def _values(rng: random.Random, product: str) -> dict[str, str]:
    values = {slot: make(rng) for slot, make in _SLOTS.items()}
    for slot, options in _LISTS.items():
        picks = rng.sample(options, 3)
        values |= {slot: picks[0], slot + "2": picks[1], slot + "3": picks[2]}
    bare = values["things"].removeprefix("the ")
    values |= {
        "things": bare, "Things": bare[0].upper() + bare[1:], "product": product, "a_role": ("an " if values["role"][0] in "aeiou" else "a ") + values["role"],
        "Group": values["group"].capitalize(), "email": f"{values['topic'].split()[-1]}@{product.lower()}.example",
    }  # fmt: skip
    return values


_ENTITIES = ("plan", "things", "action", "group", "code", "topic", "os")


def fact(rng: random.Random, product: str) -> Fact:
    """One invented fact about a product; the question templates use the same slot values."""
    kind, statements, short, questions = (part.strip() for part in rng.choice(_FACTS).split("|"))
    values = _values(rng, product)
    asked = tuple(q.strip().format_map(values) for q in questions.split(" / "))
    key = " ".join([kind, *(values[e] for e in _ENTITIES if "{" + e + "}" in questions)])
    return Fact(
        kind=kind,
        key=key,
        statement=rng.choice(statements.split(" / ")).strip().format_map(values),
        short=short.format_map(values),
        questions=asked,
    )


def product_pages(rng: random.Random, pages: int) -> tuple[str, tuple[Page, ...]]:
    """(product name, pages with two to six facts each); no key appears twice in a product."""
    product = name(rng)
    seen: set[str] = set()
    made: list[Page] = []
    shared = rng.sample(_FACTS, min(len(_FACTS), 12))
    for title in rng.sample(_TITLES, pages):
        facts: list[Fact] = []
        while len(facts) < rng.randint(2, 6):
            new = fact(rng, product)
            if new.key in seen or (rng.random() < 0.5 and not any(s.startswith(new.kind + " ") for s in shared)):
                continue
            seen.add(new.key)
            facts.append(new)
        parts = [f.statement for f in facts]
        for _ in range(rng.randint(0, 2)):
            parts.insert(rng.randint(0, len(parts)), rng.choice(_FILLERS))
        heading = rng.choice(("", "", rng.choice(_TITLES), facts[0].kind.capitalize()))
        shown = rng.choice((title, title, f"{product} {title.lower()}", f"{title} in {product}"))
        made.append(Page(title=shown, heading=heading, text=" ".join(parts), facts=tuple(facts)))
    return product, tuple(made)
