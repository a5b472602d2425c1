"""Thirty slips that a marketer makes in the campaign file; each is one change of a file without a fault."""

from dataclasses import dataclass

# What the file holds before the slip; its line numbers are those of the faults.
CAMPAIGNS = """\
contact_cap: {contacts: 2, days: 7}
campaigns:
- id: welcome
  name: Welcome
  segment: new_customers
  priority: 1
  window_days: 30
  control_share: 0.1
  channels:
  - channel: email
    target: mautic
    fields:
      firstname: first_name
- id: win_back
  name: Win back
  segment: [lapsing, at_risk]
  exclude: champions
  priority: 2
  ends_on: 31.12.2025
  window_days: 45
  control_share: 20%
  repeat: {after_days: 30}
  channels:
  - channel: email
    target: unisender
  - channel: ads
    target: meta
- id: promo_code
  name: Promo code not used
  segment: promo_unused
  priority: 3
  window_days: 14
  control_share: 0.1
  needs_approval: no
  channels:
  - channel: sms
    target: sms
  - channel: push
    target: push
"""
IDS = ("welcome", "win_back", "promo_code")


@dataclass(frozen=True)
class Typo:
    """A file with a slip.

    Attributes:
        content: The file.
        faults: How each fault begins, after the file's name.
        held: The campaigns that wait until it is mended; all others go on.
    """

    content: bytes
    faults: tuple[str, ...]
    held: frozenset[str]


def _typo(now: str, instead: str, *faults: str, held: tuple[str, ...] = IDS, encoding: str = "utf-8") -> Typo:
    """The file with the first `now` as `instead`."""
    assert now in CAMPAIGNS, now
    return Typo(CAMPAIGNS.replace(now, instead, 1).encode(encoding), faults, frozenset(held))


_WELCOME, _WIN_BACK, _PROMO_CODE = (("welcome",), ("win_back",), ("promo_code",))

# Slips in one campaign: that one waits, or both that became one.
_IN_A_CAMPAIGN = {
    "segment misspelt": _typo(
        "segment: new_customers",
        "segment: new_custmers",
        "line 5, campaign welcome, segment: 'new_custmers' is no segment. Did you mean new_customers? There are:",
        held=_WELCOME,
    ),
    "excluded segment misspelt": _typo(
        "exclude: champions",
        "exclude: champoins",
        "line 17, campaign win_back, exclude: 'champoins' is no segment. Did you mean champions? There are: at_risk, ",
        held=_WIN_BACK,
    ),
    "no such month": _typo(
        "31.12.2025",
        "31.13.2025",
        "line 19, campaign win_back, ends_on: '31.13.2025' is no date; write it like 2025-12-31 or 31.12.2025",
        held=_WIN_BACK,
    ),
    "no such day": _typo(
        "31.12.2025",
        "2025-02-30",
        "line 19, campaign win_back, ends_on: '2025-02-30' is no date; write it like 2025-12-31 or 31.12.2025",
        held=_WIN_BACK,
    ),
    "ends before it starts": _typo(
        "ends_on: 31.12.2025",
        "ends_on: 31.12.2025\n  starts_on: 1.1.2026",
        "line 19, campaign win_back, ends_on: 2025-12-31 is before starts_on, 2026-01-01",
        held=_WIN_BACK,
    ),
    "share as percent without the sign": _typo(
        "control_share: 0.1",
        "control_share: 10",
        "line 8, campaign welcome, control_share: 10 is too large; the most is 0.9 (90%); write it like 0.1 or 10%",
        held=_WELCOME,
    ),
    "priority in words": _typo(
        "priority: 3",
        "priority: high",
        "line 31, campaign promo_code, priority: 'high' is no whole number",
        held=_PROMO_CODE,
    ),
    "id used twice": _typo(
        "id: promo_code",
        "id: win_back",
        "line 28, campaign win_back, id: win_back is the id of an earlier campaign, too",
        held=(*_WIN_BACK, *_PROMO_CODE),
    ),
    "id with a blank": _typo(
        "id: promo_code",
        "id: Promo code",
        "line 28, campaign Promo code, id: 'Promo code' has characters that are not allowed; lower-case letters,",
        held=_PROMO_CODE,
    ),
    "no dash before a campaign": _typo(
        "- id: win_back",
        "  id: win_back",
        "line 14, campaign win_back, id: is there twice in one campaign; if a second campaign begins here, write -",
        held=(*_WELCOME, *_WIN_BACK),
    ),
    "no dash before a channel": _typo(
        "  - channel: push",
        "    channel: push",
        "line 38, campaign promo_code, channels, no. 1, channel: is there twice in one channel; if a second channel ",
        held=_PROMO_CODE,
    ),
    "field misspelt": _typo(
        "window_days: 30",
        "windw_days: 30",
        "line 7, campaign welcome, windw_days: 'windw_days' is no field. Did you mean window_days? There are:",
        held=_WELCOME,
    ),
    "field twice": _typo(
        "priority: 3",
        "priority: 3\n  priority: 1",
        "line 32, campaign promo_code, priority: is there twice; which one counts?",
        held=_PROMO_CODE,
    ),
    "field left out": _typo(
        "  segment: promo_unused\n",
        "",
        "line 28, campaign promo_code, segment: is missing",
        held=_PROMO_CODE,
    ),
    "field of the whole file in a campaign": _typo(
        "priority: 1",
        "priority: 1\n  contact_cap: {contacts: 1, days: 1}",
        "line 7, campaign welcome, contact_cap: 'contact_cap' is about the whole file; write it above campaigns:,",
        held=_WELCOME,
    ),
    "channel misspelt": _typo(
        "channel: email",
        "channel: e-mail",
        "line 10, campaign welcome, channels, no. 1, channel: 'e-mail' is no value. Did you mean email? There are:",
        held=_WELCOME,
    ),
    "channel twice": _typo(
        "channel: push\n    target: push",
        "channel: sms\n    target: unisender",
        "line 38, campaign promo_code, channels, no. 2, channel: sms is there twice; give each tool of one channel a ",
        held=_PROMO_CODE,
    ),
    "unknown target": _typo(
        "target: unisender",
        "target: unisendr",
        "line 25, campaign win_back, channels, no. 1, target: 'unisendr' is no target. Did you mean unisender? There",
        held=_WIN_BACK,
    ),
    "column misspelt": _typo(
        "firstname: first_name",
        "firstname: frist_name",
        "line 13, campaign welcome, channels, no. 1, fields, firstname: 'frist_name' is no column of customer_360. "
        "Did you "
        "mean first_name? There are: ",
        held=_WELCOME,
    ),
    "mode misspelt": _typo(
        "repeat: {after_days: 30}",
        "mode: audiance",
        "line 22, campaign win_back, mode: 'audiance' is no value. Did you mean audience? There are: audience, send",
        held=_WIN_BACK,
    ),
    "sms as an audience": _typo(
        "needs_approval: no\n  channels:\n  - channel: sms\n    target: sms\n  - channel: push\n    target: push",
        "mode: audience\n  channels:\n  - channel: sms\n    target: sms",
        "line 34, campaign promo_code, mode: sms keeps no audience: it sends whatever is in a file, so the whole list ",
        held=_PROMO_CODE,
    ),
    "repeat without its field": _typo(
        "repeat: {after_days: 30}",
        "repeat: 30",
        "line 22, campaign win_back, repeat: 30 alone is not clear; write it like {after_days: 30}, or never, or "
        "each_entry",
        held=_WIN_BACK,
    ),
    "repeat after no day": _typo(
        "after_days: 30",
        "after_days: 0",
        "line 22, campaign win_back, repeat, after_days: 0 is too small; the least is 1",
        held=_WIN_BACK,
    ),
    "neither yes nor no": _typo(
        "needs_approval: no",
        "needs_approval: maybe",
        "line 34, campaign promo_code, needs_approval: 'maybe' is neither yes nor no; write needs_approval: true, or "
        "false",
        held=_PROMO_CODE,
    ),
}
# Slips after which nobody can tell what else the file says, or that are about all campaigns.
_IN_THE_FILE = {
    "tab": _typo(
        "  name: Win back",
        "\tname: Win back",
        "line 15: not readable as YAML: there is a tab; indent with blanks, all fields alike",
    ),
    "quote not closed": _typo(
        "name: Win back",
        'name: "Win back',
        "line 15: not readable as YAML: a quote begins here and does not end; put one at the end of the value, too",
    ),
    "no colon": _typo(
        "priority: 2",
        "priority 2",
        "line 19: not readable as YAML: a field has no : after its name; look at the line before, too",
    ),
    "windows-1251": _typo(
        "name: Welcome",
        "name: Добро пожаловать",
        "the file is not in UTF-8 (it looks like windows-1251); save it as UTF-8",
        encoding="cp1251",
    ),
    "old field": _typo(
        "contact_cap: {contacts: 2, days: 7}",
        "max_campaigns_per_night: 1",
        "line 1, max_campaigns_per_night: is no field any more; write contact_cap: {contacts: 1, days: 1} instead; it ",
    ),
    "cap without its fields": _typo(
        "contact_cap: {contacts: 2, days: 7}",
        "contact_cap: 3",
        "line 1, contact_cap: 3 has no fields; write it like contact_cap: {contacts: 2, days: 7}, or take the line out",
    ),
}
TYPOS = _IN_A_CAMPAIGN | _IN_THE_FILE
