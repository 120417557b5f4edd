"""How VTNs in the field depart from OpenADR 3.1, for the demo VTN to show on demand."""

from dataclasses import dataclass, fields
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """Single departures; all off by default.

    Attributes:
        plain_dates: dates without T and zone; in the 3.0.1 dialect only the time of day.
        no_expiry: tokens without ``expires_in``, their ``scope`` a list.
        no_auth_server: ``/auth/server`` is not there.
        form_only: HTTP Basic at the token endpoint is answered with 400, wrong credentials with 403.
        forbidden_for_dead_token: 403 in place of 401.
        short_lived_tokens: a token is dead after three requests, whatever its ``expires_in`` says.
        foreign_events: events of other programs in every answer.
        duplicate_events: every event twice.
        retained_notifications: notifications are retained, also the CREATE of what is deleted since.
        snake_case_notifications: the keys of notifications are in snake_case.
        silent_all_topic: the topic ``ALL`` is announced, and nothing is ever published to it.
        topics_do_magic: the topics of a ven are a JSON string.
        no_event_topics: 403 for the topics of a program's events, too.
        one_ven_per_client: 409 for a second ven of a client, whatever its name.
        broken_webhooks: with a dead webhook in its list, the VTN stores what others send and answers 500.
        unchecked_values: any program and event is accepted; prices that are words, unknown fields and negative
            durations are shown.
        hidden_targets: what the operator publishes is for a group that a ven belongs to only once the operator says so.
        bad_price: stands in for one price of the newest day; ``float("nan")`` becomes the word NaN.
        lost_report_answer: reports are stored, but the connection breaks before the answer is complete.
        one_report_per_name: 409 for a reportName that is known, and reports cannot be listed.
        no_deletion: 403 for every DELETE.
        no_usage_wanted: the event that asks for readings is not there.
    """

    plain_dates: bool = False
    no_expiry: bool = False
    no_auth_server: bool = False
    form_only: bool = False
    forbidden_for_dead_token: bool = False
    short_lived_tokens: bool = False
    foreign_events: bool = False
    duplicate_events: bool = False
    retained_notifications: bool = False
    snake_case_notifications: bool = False
    silent_all_topic: bool = False
    topics_do_magic: bool = False
    no_event_topics: bool = False
    one_ven_per_client: bool = False
    broken_webhooks: bool = False
    unchecked_values: bool = False
    hidden_targets: bool = False
    bad_price: str | float | None = None
    lost_report_answer: bool = False
    one_report_per_name: bool = False
    no_deletion: bool = False
    no_usage_wanted: bool = False


class Oddity(StrEnum):
    """What a reference VTN was seen to do, each a set of departures that occur together."""

    NAIVE_TIMES = "naive_times"
    TOKEN_WITHOUT_EXPIRY = "token_without_expiry"  # noqa: S105 # no password
    TOKEN_FORM_ONLY = "token_form_only"  # noqa: S105 # no password
    FOREIGN_AND_DOUBLE_EVENTS = "foreign_and_double_events"
    RETAINED_SNAKE_CASE = "retained_snake_case"
    TOPICS_DO_MAGIC = "topics_do_magic"
    ONE_VEN_PER_CLIENT = "one_ven_per_client"
    BROKEN_WEBHOOKS = "broken_webhooks"
    UNCHECKED_VALUES = "unchecked_values"
    HIDDEN_TARGETS = "hidden_targets"
    STALE_TOKENS = "stale_tokens"


_DEPARTURES = {
    Oddity.NAIVE_TIMES: Oddities(plain_dates=True),
    Oddity.TOKEN_WITHOUT_EXPIRY: Oddities(no_expiry=True),
    Oddity.TOKEN_FORM_ONLY: Oddities(form_only=True, forbidden_for_dead_token=True),
    Oddity.FOREIGN_AND_DOUBLE_EVENTS: Oddities(foreign_events=True, duplicate_events=True),
    Oddity.RETAINED_SNAKE_CASE: Oddities(
        retained_notifications=True, snake_case_notifications=True, silent_all_topic=True
    ),
    Oddity.TOPICS_DO_MAGIC: Oddities(topics_do_magic=True, no_event_topics=True),
    Oddity.ONE_VEN_PER_CLIENT: Oddities(one_ven_per_client=True),
    Oddity.BROKEN_WEBHOOKS: Oddities(broken_webhooks=True),
    Oddity.UNCHECKED_VALUES: Oddities(unchecked_values=True, bad_price="abc"),
    Oddity.HIDDEN_TARGETS: Oddities(hidden_targets=True),
    Oddity.STALE_TOKENS: Oddities(short_lived_tokens=True, forbidden_for_dead_token=True),
}


def departures(*oddities: Oddity) -> Oddities:
    """All that these oddities consist of, for ``DemoVtn.oddities``."""
    chosen = [_DEPARTURES[oddity] for oddity in oddities]
    unset = Oddities()
    found = {
        field.name: value
        for departure in chosen
        for field in fields(Oddities)
        if (value := getattr(departure, field.name)) != getattr(unset, field.name)
    }
    return Oddities(**found)
