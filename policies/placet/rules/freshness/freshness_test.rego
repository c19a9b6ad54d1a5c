# METADATA
# title: Tests of freshness
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.freshness_test

import data.placet.testing as t

_at(now) := json.patch(t.model, [{"op": "replace", "path": ["now"], "value": now}])

_retention(until) := t.set_body(t.model, "train", ["retentionUntil"], until)

_until(moment) := t.set_body(t.model, "evaluation", ["valid_until"], moment)

_ticket(id) := json.patch(t.model, [{"op": "add", "path": ["request", "context", "ticket"], "value": id}])

cases["quality.evaluation_fresh"] := {
	"pass": {
		"yesterday's": t.case(t.model),
		"valid for another second": t.case(_until("2026-11-23T21:30:01Z")),
		"on its last day": t.case(_at("2027-02-20T10:00:30Z")),
		"a newer one of the same suite": t.case(t.with_statement(
			_at("2027-03-01T00:00:00Z"),
			"later",
			json.patch(t.evaluation("test.csv", 0.97), [
				{"op": "replace", "path": ["since"], "value": "2027-02-28T00:00:00Z"},
				{"op": "replace", "path": ["body", "finished"], "value": "2027-02-28T00:00:00Z"},
			]),
		)),
	},
	"fail": {
		"no longer valid": t.case(_until("2026-11-23T21:30:00Z")),
		"valid until no moment": t.case(_until("soon")),
		"too old": t.case(_at("2027-02-20T10:00:31Z")),
		"old, and sent in again today": t.case(t.set_body(t.model, "evaluation", ["finished"], "2026-01-01T00:00:00Z")),
		"dated after its arrival": t.case(t.set_body(t.model, "evaluation", ["finished"], "2026-11-22T10:10:01Z")),
		"without an end": t.case(t.drop_body(t.model, "evaluation", ["finished"])),
		"arrived too long ago, by a clock that was slow": t.case(t.set_body(
			_at("2027-02-20T10:05:01Z"),
			"evaluation",
			["finished"],
			"2026-11-22T10:06:00Z",
		)),
		"arrived too long ago": t.case_with(t.model, [t.set_setting(["freshness", "evaluation_days"], 1)]),
	},
	"not_applicable": {
		"no evaluation": t.case(t.without(t.model, {"evaluation"})),
		"no model": t.case(t.data_at_register),
	},
}

cases["data.not_expired"] := {
	"pass": {
		"no end": t.case(t.model),
		"an end to come": t.case(_retention("2030-01-01T00:00:00Z")),
		"a plain date to come": t.case(_retention("2026-11-24")),
		"extended by a second statement": t.case(t.with_statement(
			_retention("2026-01-01T00:00:00Z"),
			"extended",
			t.dataset("train.csv", "derived"),
		)),
	},
	"fail": {
		"an end that has come": t.case(_retention("2026-11-23T21:30:00Z")),
		"a plain date that has come": t.case(_retention("2026-11-23")),
		"an end that is no time": t.case(_retention("soon")),
	},
	"not_applicable": {"no owner's statement": t.case(t.stranger)},
}

cases["change.ticket_matches"] := {
	"pass": {"the same ticket": t.case(t.model)},
	"fail": {"another ticket": t.case(_ticket("CHG-7")), "an empty ticket": t.case(_ticket(""))},
	"not_applicable": {
		"no ticket is named": t.case(json.patch(t.model, [{"op": "remove", "path": ["request", "context", "ticket"]}])),
		"no approval is valid": t.case(t.without(t.model, {"approval"})),
	},
}

test_cases if t.surprises(cases) == set()

test_age_is_shown if {
	found := t.check(t.case(_at("2027-03-01T00:00:00Z")), "quality.evaluation_fresh")
	found.message == sprintf("the evaluation of churn-model %s is older than 90 days", [t.short("model")])
	found.results[0].notes == ["suite holdout ended 2026-11-22T10:00:30Z and arrived 2026-11-22T10:05:00Z"]
}

test_end_of_validity_is_shown if {
	found := t.check(t.case(_until("2026-11-23T00:00:00Z")), "quality.evaluation_fresh")
	found.message == sprintf("the evaluation of churn-model %s is no longer valid", [t.short("model")])
	found.results[0].notes == ["suite holdout was valid only until 2026-11-23T00:00:00Z"]
}

test_evidence_is_the_newest_evaluation if {
	t.check(t.case(t.model), "quality.evaluation_fresh").results[0].evidence == [t.statement("evaluation")]
}

test_end_of_retention_is_shown if {
	found := t.check(t.case(_retention("2026-01-01")), "data.not_expired")
	found.message == sprintf("the retention of data/%s has ended", [t.label("train.csv")])
	found.results[_].notes == ["it was to be kept until 2026-01-01"]
}

test_other_ticket_is_shown if {
	found := t.check(t.case(_ticket("CHG-7")), "change.ticket_matches")
	found.message == "no valid approval is for ticket CHG-7"
	found.results[0].notes == ["the one by risk-officer is for ticket CHG-1042"]
}
