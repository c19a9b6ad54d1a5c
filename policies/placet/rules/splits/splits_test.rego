# METADATA
# title: Tests of splits
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.splits_test

import data.placet.testing as t

_result(id, value) := _of(id, {"metric": split(id, ".")[1], "value": value, "sample_size": 569})

_of(id, result) := t.set_body(t.model, "splits", ["results", id], result)

_until(world, name, moment) := t.set_body(world, name, ["valid_until"], moment)

_repeated(role) := t.set_body(t.model, "splits", ["inputs", concat("", [role, "#2"])], t.digest("more.csv"))

_second(rows) := json.patch(t.splits, [{
	"op": "replace",
	"path": ["body", "results", "overlap.rows", "value"],
	"value": rows,
}])

cases["data.splits_pinned"] := {
	"pass": {
		"a splits measurement": t.case(t.model), "of the model in an image": t.case(t.image),
		"one for each training dataset": t.case(t.model_fed_more),
		"one that is still valid": t.case(_until(t.model, "splits", "2026-11-23T21:30:01Z")),
		"an expired one beside one that holds": t.case(t.with_statement(
			_until(t.model, "splits", "2026-01-01T00:00:00Z"),
			"second",
			_second(0),
		)),
	},
	"fail": {
		"none": t.case(t.without(t.model, {"splits"})),
		"of other data": t.case(t.set_body(t.model, "splits", ["inputs", "train"], t.digest("x"))),
		"signed about other data": t.case(json.patch(t.model, [{
			"op": "replace",
			"path": ["statements", "splits", "subjects"],
			"value": ["raw.csv", "test.csv"],
		}])),
		"without a test split": t.case(t.drop_body(t.model, "splits", ["inputs", "test"])),
		"of something used in another role than dataset": t.case(json.patch(t.model, [
			{"op": "replace", "path": ["statements", "splits", "body", "inputs", "train"], "value": t.digest("code")},
			{"op": "replace", "path": ["statements", "splits", "subjects"], "value": ["code", "test.csv"]},
		])),
		"of the data of another model": t.case(json.patch(t.image, [
			{
				"op": "add",
				"path": ["statements", "packaging", "body", "dependencies", t.digest("second")],
				"value": {"name": "second.joblib", "role": "model"},
			},
			{"op": "add", "path": ["statements", "second"], "value": t.training},
			{"op": "replace", "path": ["statements", "second", "subjects"], "value": ["second"]},
			{"op": "replace", "path": ["statements", "second", "body", "dependencies"], "value": {t.digest("raw.csv"): {
				"name": "data/raw.csv",
				"role": "dataset",
			}}},
		])),
		"of one of two training datasets": t.case(t.without(t.model_fed_more, {"extra splits"})),
		"expired this very second": t.case(_until(t.model, "splits", "2026-11-23T21:30:00Z")),
		"valid until no moment": t.case(_until(t.model, "splits", "soon")),
		"two training splits": t.case(_repeated("train")),
		"two test splits": t.case(_repeated("test")),
		"two validation splits": t.case(_repeated("validation")),
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
		"of each training dataset": t.case(t.model_fed_more),
		"by a metric of its own": t.case(_of("overlap.rows", {"metric": "overlap.rows", "value": 0})),
		"another split of the same data is clean": t.case(t.with_statement(
			_result("overlap.rows", 2),
			"second",
			_second(0),
		)),
	},
	"fail": {
		"rows": t.case(_result("overlap.rows", 1)),
		"rows of one of two training datasets": t.case(t.set_body(
			t.model_fed_more,
			"extra splits",
			["results", "overlap.rows", "value"],
			114,
		)),
		"groups": t.case(_result("overlap.groups", 1)),
		"something else the settings limit": t.case_with(
			_result("duplicates.train", 9),
			[t.set_setting(["splits", "maximum", "duplicates.train"], 5)],
		),
	},
	"skipped": {
		"overlap was not counted": t.case(t.drop_body(t.model, "splits", ["results", "overlap.rows"])),
		"overlap of a slice": t.case(_of("overlap.rows", {"metric": "rows", "value": 0, "slice": "sex=f"})),
		"overlap of no rows": t.case(_of("overlap.rows", {"metric": "rows", "value": 0, "sample_size": 0})),
		"another metric": t.case(_of("overlap.rows", {"metric": "columns", "value": 0})),
		"groups of a slice": t.case(_of("overlap.groups", {"metric": "groups", "value": 0, "slice": "sex=f"})),
		"overlap is no number": t.case(_result("overlap.rows", "0")),
	},
	"not_applicable": {
		"no splits measurement": t.case(t.without(t.model, {"splits"})),
		"only one without a test split": t.case(t.drop_body(t.model, "splits", ["inputs", "test"])),
		"only an expired one": t.case(_until(t.model, "splits", "2026-01-01T00:00:00Z")),
		"no model": t.case(t.data_at_register),
	},
}

test_cases if t.surprises(cases) == set()

test_overlap_is_a_number if {
	found := t.check(t.case(_result("overlap.rows", 3)), "data.no_leakage")
	found.message == sprintf("the splits of training data data/%s overlap", [t.label("train.csv")])
	found.results[0].notes == ["overlap.rows is 3, allowed is 0"]
	groups := t.check(t.case(_result("overlap.groups", 1)), "data.no_leakage")
	groups.results[0].notes == ["overlap.groups is 1, allowed is 0"]
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

# No case of the table: who withheld the second statement would be believed the first.
test_what_any_training_statement_names_is_training_data if {
	second := json.patch(t.training, [{
		"op": "add",
		"path": ["body", "dependencies", t.digest("extra.csv")],
		"value": {"name": "data/extra.csv", "role": "dataset"},
	}])
	told := t.case(t.with_statement(
		t.without(t.model_fed_more, {"extra splits", "training"}),
		"again",
		second,
	))
	both := t.case(t.with_statement(told.world, "training", t.training))
	every one in [told, both] {
		found := t.check(one, "data.splits_pinned")
		{row.target: row.status | some row in found.results} == {t.digest("train.csv"): "pass", t.digest("extra.csv"): "fail"}
		found.message == sprintf("no signed splits measurement for training data data/%s", [t.label("extra.csv")])
	}
}

test_a_model_trained_on_test_rows_is_denied if {
	t.decide(t.case(t.model_fed_more)).verdict == "allow"
	t.decide(t.case(t.without(t.model_fed_more, {"extra splits"}))).verdict == "deny"
	elsewhere := t.with_statement(t.model_fed_more, "extra splits", t.splits_of("extra.csv", "other.csv"))
	t.codes(t.case(elsewhere), "fail") == {"quality.evaluated_on_pinned_split"}
}

_notes(world) := t.check(t.case(world), "data.splits_pinned").results[0].notes

test_why_a_measurement_does_not_count if {
	_notes(t.drop_body(t.model, "splits", ["inputs", "test"])) == ["there is one by evaluator, but it names no test split"]
	_notes(_until(t.model, "splits", "2026-01-01T00:00:00Z")) == [concat(" ", [
		"there is one by evaluator,",
		"but it was valid only until 2026-01-01T00:00:00Z",
	])]
	_notes(_repeated("test")) == ["there is one by evaluator, but it names more than one test"]
}
