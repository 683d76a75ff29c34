"""What each field of each public message means, in a sentence; by message, then by field."""

from collections.abc import Mapping

EVENT = {
    "user_id": "Who acted; also the record's key. `*` is reserved.",
    "type": "What the user did; `HEADWATER_EVENT_TYPES` adds types.",
    "item_id": "On what. All types but search and impression need it.",
    "value": "The rating of a rate, which needs it.",
    "timestamp": (
        "When: RFC 3339, or epoch milliseconds; from 1990 to one day after the broker's time, which"
        " is the default."
    ),
    "event_id": "An id that comes again among the user's last 16 events counts once.",
    "query": "What a search looked for; a search needs it.",
    "items": "The items that an impression showed; an impression needs them.",
    "list_id": "The list that was shown; an impression needs it.",
    "context": "Anything else about the event.",
}
ITEM = {
    "item_id": "The item; also the record's key.",
    "title": "What a person reads.",
    "categories": "Names of the categories that it belongs to.",
    "attributes": "Anything else about the item.",
    "embedding": "Its content as numbers; all items have as many (`HEADWATER_EMBEDDING_SIZE`).",
    "available": "Whether lists may hold it now; yes by default.",
    "timestamp": "Since when: RFC 3339, or epoch milliseconds; the broker's time by default.",
}
USER = {
    "user_id": "The user; also the record's key. `*` is reserved.",
    "attributes": "What is known of the user beside events.",
}
RECOMMENDATION = {
    "user_id": "Whose list it is; also the record's key. `*`: for users of whom nothing is known.",
    "list_id": "A name for this list, for impressions to refer to.",
    "items": "The list, best first.",
    "cause": "What made this list necessary.",
    "model": "The version of the model that scored it.",
    "generated_at": "When it was made, by the worker's clock.",
    "source": (
        "The last record that the user's row has taken into account. An event is answered by a list"
        " whose source is at or past it in the same partition. Null for `*`."
    ),
    "lag_seconds": "`generated_at` minus the broker's time of the source; null for `*`.",
    "event_id": "The id of the run's last event of this user, if it had one.",
    "event_time": "The time of the run's last event of this user.",
    "surfaces": "Further lists by name.",
}
LIST_ITEM = {
    "item_id": "The item.",
    "score": "Higher is better; comparable only inside its list.",
    "reasons": "Why it is here.",
    "propensity": "How likely it was to be shown here, where chance had a part.",
    "explored": "Whether it is here to be learned about.",
}
SOURCE = {
    "topic": "The topic's full name.",
    "partition": "The partition.",
    "offset": "The offset.",
}
DEAD_LETTER_HEADERS = {
    "reason": "Why the record could not be applied.",
    "topic": "The topic that it came from.",
    "partition": "Its partition there, in decimal digits.",
    "offset": "Its offset there, in decimal digits.",
    "error": "A sentence for a person.",
}

Fields = Mapping[str, str]
