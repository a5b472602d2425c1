"""Errors that a person at 03:00 reads: each says what, where and what to do."""


class LoyaltyError(Exception):
    """The night can't go on, and trying again without a change won't help."""


class BadDataError(LoyaltyError):
    """An extract broke its contract: names the file, the row or column, and what to do."""


class NightOpenError(LoyaltyError):
    """The night is not this run's: it was never begun, or another run has begun one since."""


class HomeBusyError(LoyaltyError):
    """Another run works in the home; when it has ended, this one can."""
