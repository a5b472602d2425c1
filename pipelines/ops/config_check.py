"""The check of the files that people edit, before a night reads them."""

from datetime import date
from pathlib import Path

from pipelines.campaigns.config_file import notes_on, read_campaign_file
from pipelines.scoring.target_file import read_target_file
from pipelines.scoring.tier_file import tier_file
from pipelines.settings import Settings


def campaign_report(path: Path, day: date) -> tuple[list[str], bool]:
    """What to say of a campaign file: faults, what may not be meant, who goes on; and whether it has no fault."""
    file = read_campaign_file(path)
    sound = [campaign.id for campaign in file.campaigns.campaigns]
    lines = [*map(str, file.faults), *(f"note: {note}" for note in notes_on(file.campaigns, day))]
    if not file.faults:
        return [*lines, f"{path}: no fault in {len(sound)} campaigns"], True
    whole = "all campaigns are" if any(fault.campaign_id is None for fault in file.faults) else "campaigns at fault are"
    rest = f"; these go on: {', '.join(sound)}" if sound else ""
    return [*lines, f"Until this is mended, {whole} held back: they write to nobody new{rest}."], False


def target_report(path: Path) -> tuple[list[str], bool]:
    """What to say of a file of targets: faults, or how much it plans; and whether it has no fault."""
    file = read_target_file(path)
    if file.faults:
        return [*map(str, file.faults), "Until this is mended, nights go on without plans and growth targets."], False
    plans, growth = len(file.planned), len(file.targets.growth)
    return [f"{path}: no fault in {plans} planned figures and {growth} growth targets"] if plans or growth else [], True


def tier_report(settings: Settings) -> tuple[list[str], bool]:
    """What to say of the tier file, nothing if there is none; and whether it has no fault."""
    file = tier_file(settings)
    if file.faults:
        return [*file.faults, "Until this is mended, no member has a tier: customer_tier is empty."], False
    return [f"{settings.tiers}: no fault in {len(file.rules.tiers)} tiers"] if file.rules else [], True
