# METADATA
# title: Tests of results
# description: What becomes of judgements and words.
package placet.lib.result_test

import data.placet.lib.result
import data.placet.testing as t

_words := {
	"code": "toy.one",
	"failure_msg": "{label} failed at {gate}",
	"messages": {"other": "{target} has {count} of {wanted}"},
	"notes": {"why": "because of {who}"},
	"solution": "a role \"{data_owner}\" types {path}",
	"severity": "error",
}

_above := {"annotations": {"custom": {"notes": {
	"finding": "{finding}",
	"unreadable": "cannot be read",
	"why": "not this one",
}}}}

_chain(words) := [{"annotations": {"title": "A toy", "custom": words}}, {"annotations": {"title": "Toys"}}, _above]

_model := t.digest("model")

_train := t.digest("train.csv")

_report(targets, judged) := report if {
	report := result.report(_chain(_words), targets, judged) with input as t.facts(t.model)
}

_row(judgement) := row if {
	some row in _report({_train}, {_train: judgement}).results
}

test_the_words_of_a_report if {
	object.remove(_report({_model}, {_model: result.exists({"s"}, {})}), ["results"]) == {
		"code": "toy.one",
		"title": "A toy",
		"severity": "error",
		"controls": [],
		"requirements": [],
		"effective_on": "",
		"solution": concat(" ", [`a role "data-owner" types`, _model]),
	}
}

test_pass_carries_evidence if {
	_row(result.exists({"s2", "s1"}, {})) == {"status": "pass", "target": _train, "evidence": ["s1", "s2"]}
	_row(result.holds(true, {"evidence": {"s"}})) == {"status": "pass", "target": _train, "evidence": ["s"]}
	_row(result.holds(true, {})) == {"status": "pass", "target": _train, "evidence": []}
}

test_fail_speaks if {
	_row(result.holds(false, {})) == {
		"status": "fail",
		"target": _train,
		"message": concat("", ["data/", t.label("train.csv"), " failed at promote/production"]),
		"solution": `a role "data-owner" types data/train.csv`,
		"evidence": [],
	}
}

test_fail_speaks_with_another_message_and_notes if {
	row := _row(result.exists(set(), {
		"message": "other",
		"values": {"count": 1, "wanted": 2.5},
		"evidence": {"s"},
		"notes": {{"note": "why", "values": {"who": "{gate}"}}, {"note": "trust.new", "values": {"finding": "a finding"}}},
	}))
	row.message == concat("", [_train, " has 1 of 2.5"])
	row.notes == ["a finding", "because of {gate}"]
	row.evidence == ["s"]
}

test_skipped_names_what_could_not_be_evaluated if {
	row := _row(result.exists(set(), {"unclear": {"s"}}))
	row.status == "skipped"
	row.evidence == ["s"]
	row.notes == ["cannot be read"]
}

test_a_target_that_was_not_judged_is_skipped if {
	rows := _report({_model, _train}, {_model: result.holds(true, {})}).results
	{row.status | some row in rows} == {"pass", "skipped"}
}

test_no_target_is_not_applicable if {
	_report(set(), {}).results == {{
		"status": "not_applicable",
		"target": _model,
		"message": "nothing to look at",
		"evidence": [],
	}}
	words := object.union(_words, {"not_applicable": "no toy"})
	report := result.report(_chain(words), set(), {}) with input as t.facts(t.model)
	{row.message | some row in report.results} == {"no toy"}
}
