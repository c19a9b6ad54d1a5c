# METADATA
# title: Time
# description: |
#   Moments as nanoseconds. The only clock is `input.now`, so that a decision replays to the same answer.
#   A text that is no moment has no value here (and raises no builtin error, which would end the whole
#   decision): predicates built on it stay false.
package placet.lib.time

_hour := 3600000000000

_second := 1000000000

_date := concat("", [
	`(?:(?:19|20|21)\d\d-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)`,
	`|02-(?:0[1-9]|1\d|2[0-8]))|(?:(?:19|20|21)(?:0[48]|[2468][048]|[13579][26])|2000)-02-29)`,
])

_clock := `T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)`

_moment_pattern := concat("", ["^", _date, _clock, "$"])

_date_pattern := concat("", ["^", _date, "$"])

# METADATA
# title: Now
# description: The moment of the request, as the engine gave it.
now := ns(input.now)

# METADATA
# title: Moment
# description: Nanoseconds of an RFC 3339 moment, or of the first moment (UTC) of a plain date.
ns(text) := time.parse_rfc3339_ns(upper(text)) if {
	is_string(text)
	regex.match(_moment_pattern, upper(text))
} else := time.parse_rfc3339_ns(concat("", [text, "T00:00:00Z"])) if {
	is_string(text)
	regex.match(_date_pattern, text)
}

# METADATA
# title: Within
# description: True when a moment is at most that many hours before now. False for a text that is no moment.
default within(_, _) := false

within(text, hours) if now - ns(text) <= hours * _hour

# METADATA
# title: Began
# description: True when a moment has come, or none is set.
default began(_) := false

began(text) if ns(text) <= now

began(text) if text == ""

# METADATA
# title: Ahead
# description: True when a moment is still to come, or none is set.
default ahead(_) := false

ahead(text) if now < ns(text)

ahead(text) if text == ""

# METADATA
# title: Seconds between
# description: From the first moment to the second; negative when they stand the other way round.
seconds(from, until) := (ns(until) - ns(from)) / _second
