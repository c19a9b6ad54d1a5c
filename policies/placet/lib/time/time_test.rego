# METADATA
# title: Tests of time
# description: What is a moment, and what is none.
package placet.lib.time_test

import data.placet.lib.time as moments

_ns(text) := moments.ns(text)

test_moments if {
	_ns("1970-01-01T00:00:01Z") == 1000000000
	_ns("1970-01-01T01:00:01+01:00") == 1000000000
	_ns("1970-01-01T00:00:00.000000001Z") == 1
	_ns("1970-01-02") == 86400000000000
	_ns("1970-01-01t00:00:01z") == 1000000000
	_ns("2024-02-29T00:00:00Z")
	_ns("2000-02-29")
}

test_no_moments if {
	every text in {
		"", "soon", "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-32",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00",
		"2026-01-01 00:00:00Z", "1799-01-01", "2026-01-01T00:00:00Z\n", "2026-01-01T00:00:00.0123456789Z", 0, null, true,
	} {
		not moments.ns(text)
	}
}

test_predicates_are_false_for_no_moment if {
	not moments.within("soon", 1) with input as {"now": "2026-01-01T00:00:00Z"}
	not moments.began("soon") with input as {"now": "2026-01-01T00:00:00Z"}
	not moments.ahead("soon") with input as {"now": "2026-01-01T00:00:00Z"}
	not moments.ahead("2027-01-01") with input as {"now": "soon"}
}

test_predicates if {
	moments.within("2026-01-01T00:00:00Z", 1) with input as {"now": "2026-01-01T01:00:00Z"}
	not moments.within("2026-01-01T00:00:00Z", 1) with input as {"now": "2026-01-01T01:00:01Z"}
	moments.began("2026-01-01") with input as {"now": "2026-01-01T00:00:00Z"}
	not moments.began("2026-01-02") with input as {"now": "2026-01-01T00:00:00Z"}
	moments.ahead("2026-01-02") with input as {"now": "2026-01-01T00:00:00Z"}
	not moments.ahead("2026-01-01") with input as {"now": "2026-01-01T00:00:00Z"}
	moments.began("") with input as {"now": "2026-01-01T00:00:00Z"}
	moments.ahead("") with input as {"now": "2026-01-01T00:00:00Z"}
	moments.seconds("2026-01-01T00:00:00Z", "2026-01-01T00:00:01.5Z") == 1.5
	moments.seconds("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z") == -1
}
