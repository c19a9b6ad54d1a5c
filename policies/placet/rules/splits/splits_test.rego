# METADATA
# title: Tests of splits
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.splits_test

import data.placet.testing as t

_result(id, value) := t.set_body(t.model, "splits", ["results", id], {
	"metric": "overlap",
	"value": value,
	"sample_size": 569,
})

_second(rows) := json.patch(t.splits, [{
	"op": "replace",
	"path": ["body", "results", "overlap.rows", "value"],
	"value": rows,
}])

cases["data.splits_pinned"] := {
	"pass": {"a splits measurement": t.case(t.model), "of the model in an image": t.case(t.image)},
	"fail": {
		"none": t.case(t.without(t.model, {"splits"})),
		"of other data": t.case(t.set_body(t.model, "splits", ["inputs", "train"], t.digest("x"))),
		"without a test split": t.case(t.drop_body(t.model, "splits", ["inputs", "test"])),
		"a measurement of another kind": t.case(t.set_body(t.model, "splits", ["kind"], "data-quality")),
	},
	"not_applicable": {
		"no model": t.case(t.data_at_register),
		"a model without data": t.case(t.set_body(t.model, "training", ["dependencies"], {})),
	},
}

cases["data.no_leakage"] := {
	"pass": {
		"no overlap": t.case(t.model),
		"no overlap of groups": t.case(_result("overlap.groups", 0)),
		"overlap that the settings allow": t.case_with(
			_result("overlap.rows", 2),
			[t.set_setting(["splits", "maximum", "overlap.rows"], 2)],
		),
		"another split of the same data is clean": t.case(t.with_statement(
			_result("overlap.rows", 2),
			"second",
			_second(0),
		)),
	},
	"fail": {
		"rows": t.case(_result("overlap.rows", 1)),
		"groups": t.case(_result("overlap.groups", 1)),
		"something else the settings limit": t.case_with(
			_result("duplicates.train", 9),
			[t.set_setting(["splits", "maximum", "duplicates.train"], 5)],
		),
	},
	"skipped": {
		"overlap was not counted": t.case(t.drop_body(t.model, "splits", ["results", "overlap.rows"])),
		"overlap is no number": t.case(_result("overlap.rows", "0")),
	},
	"not_applicable": {
		"no splits measurement": t.case(t.without(t.model, {"splits"})),
		"no model": t.case(t.data_at_register),
	},
}

test_cases if t.surprises(cases) == set()

test_overlap_is_a_number if {
	found := t.check(t.case(_result("overlap.rows", 3)), "data.no_leakage")
	found.message == sprintf("the splits of the training data of churn-model %s overlap", [t.short("model")])
	found.results[0].notes == ["overlap.rows is 3, allowed is 0"]
}

test_refused_measurement_is_shown if {
	world := json.patch(t.without(t.model, {"splits"}), [{"op": "add", "path": ["findings"], "value": [{
		"code": "trust.signer_expired",
		"type": "measurement",
		"artifact": t.digest("train.csv"),
		"signer": "old-evaluator",
		"text": "-",
	}]}])
	found := t.check(t.case(world), "data.splits_pinned")
	found.results[0].notes == [concat(" ", [
		"there is one by old-evaluator, but the signer was not valid at that time",
		"(trust.signer_expired)",
	])]
}
