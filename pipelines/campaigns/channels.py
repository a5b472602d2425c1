"""The channels of campaigns, and the addresses that each uses."""

ADDRESSES = ("email", "phone", "push_token", "messenger_id")

# The addresses that each channel uses; its consent is the column <channel>_consent of customer. sql/lists/candidate.sql
# and departure.sql write them out.
CHANNELS = {
    "email": ("email",),
    "sms": ("phone",),
    "push": ("push_token",),
    "messenger": ("messenger_id",),
    "call": ("phone",),
    "ads": ("email", "phone"),
}
