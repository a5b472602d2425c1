"""Errors for the person who is called at night: each message says what is wrong, where, and what to do."""


class LoyaltyError(Exception):
    """The night can't go on, and to try again without a change won't help."""


class BadDataError(LoyaltyError):
    """An extract breaks its contract. The message names the file, the row or column, and what to do."""


class NightOpenError(LoyaltyError):
    """The night does not belong to this run: it was never begun, or another run has begun one since."""


class HomeBusyError(LoyaltyError):
    """Another run works in the home. This one can go on when that has ended."""
