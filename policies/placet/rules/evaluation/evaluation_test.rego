# METADATA
# title: Tests of evaluation
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.evaluation_test

import data.placet.testing as t

_accuracy(value) := t.set_body(t.model, "evaluation", ["results", "accuracy", "value"], value)

_thresholds(thresholds) := [t.set_setting(["evaluation", "thresholds"], thresholds)]

_later(evaluation, since) := t.with_statement(t.model, "later", object.union(evaluation, {"since": since}))

_by(who, since) := object.union(
	object.remove(t.evaluation("test.csv", 0.99), ["signer"]),
	{"since": since, "signer": who},
)

_later_by(who) := t.with_statement(
	t.model,
	"later",
	_by(who, "2026-11-23T10:05:00Z"),
)

# An image with two models, of which only the first was evaluated, and only its data was split.
_two_models := json.patch(t.image, [
	{
		"op": "add",
		"path": ["statements", "packaging", "body", "dependencies", t.digest("second")],
		"value": {"name": "second.joblib", "role": "model"},
	},
	{"op": "add", "path": ["statements", "second"], "value": object.union(
		object.remove(t.training, ["subjects", "body"]),
		{"subjects": ["second"], "body": object.union(
			object.remove(t.training.body, ["dependencies"]),
			{"dependencies": {t.digest("raw.csv"): {"name": "data/raw.csv", "role": "dataset"}}},
		)},
	)},
])

_second_evaluated := t.with_statement(_two_models, "second evaluation", json.patch(t.evaluation("test.csv", 0.97), [
	{"op": "replace", "path": ["subjects"], "value": ["second"]},
	{"op": "replace", "path": ["body", "inputs", "model"], "value": t.digest("second")},
]))

_unreadable_above := t.case_with(_accuracy("0.97"), _thresholds({"*": {"accuracy": {"max": 1}}}))

_robust := json.patch(t.evaluation("test.csv", 0.95), [{
	"op": "replace",
	"path": ["body", "suite", "name"],
	"value": "robust",
}])

_with_robust := t.with_statement(t.model, "robust", _robust)

_trainer_evaluates := {"id": "ci", "principal": "ci@example.org", "roles": ["evaluator"]}

_accuracy_as(result) := t.set_body(t.model, "evaluation", ["results", "accuracy"], result)

_macro := t.set_body(t.model, "evaluation", ["results", "recall"], {"metric": "recall_macro", "value": 0.95})

_second_input(role) := t.set_body(t.model, "evaluation", ["inputs", concat("", [role, "#2"])], t.digest(role))

_test(digest) := t.set_body(t.model, "evaluation", ["inputs", "test"], digest)

_nothing_evaluated := {
	"no evaluation": t.case(t.without(t.model, {"evaluation"})),
	"no model": t.case(t.data_at_register),
}

cases["quality.evaluation_threshold"] := {
	"pass": {
		"above": t.case(t.model),
		"exactly": t.case(_accuracy(0.9)),
		"between": t.case_with(t.model, _thresholds({"holdout": {"accuracy": {"min": 0.9, "max": 0.98}}})),
		"the newest counts, not the worst": t.case(t.with_statement(
			t.model,
			"earlier",
			object.union(t.evaluation("test.csv", 0.1), {"since": "2026-11-22T10:00:00Z"}),
		)),
		"of an unknown number of rows": t.case(_accuracy_as({"metric": "accuracy", "value": 0.95})),
		"a mean over classes, asked for as one": t.case_with(_macro, _thresholds({"*": {"recall_macro": {"min": 0.9}}})),
		"a suite with thresholds of its own is not held to the others": t.case_with(
			_with_robust,
			_thresholds({"*": {"accuracy": {"min": 0.96}}, "robust": {"accuracy": {"min": 0.9}}}),
		),
		"a suite without thresholds, where only others have some": t.case_with(
			_with_robust,
			_thresholds({"robust": {"accuracy": {"min": 0.9}}}),
		),
	},
	"fail": {
		"below": t.case(_accuracy(0.89)),
		"a percentage where a share belongs": t.case(_accuracy(97)),
		"above what is believable": t.case_with(t.model, _thresholds({"*": {"accuracy": {"max": 0.96}}})),
		"another model in the image was not evaluated": t.case(_two_models),
		"an evaluation of another model, which does not say of which": t.case(json.patch(_second_evaluated, [
			{"op": "remove", "path": ["statements", "evaluation"]},
			{"op": "remove", "path": ["statements", "second evaluation", "body", "inputs", "model"]},
		])),
		"the metric is missing": t.case_with(t.model, _thresholds({"*": {"f1": {"min": 0.9}}})),
		"another metric under its name": t.case(_accuracy_as({"metric": "accuracy_top5", "value": 0.99})),
		"a mean over classes, asked for as another": t.case_with(_macro, _thresholds({"*": {"recall": {"min": 0.9}}})),
		"of a slice": t.case(_accuracy_as({"metric": "accuracy", "value": 0.99, "slice": "easy"})),
		"of no rows": t.case(_accuracy_as({"metric": "accuracy", "value": 0.99, "sample_size": 0})),
		"which does not say of which model": t.case(t.drop_body(t.model, "evaluation", ["inputs", "model"])),
		"of two models": t.case(_second_input("model")),
		"on two predictions": t.case(_second_input("predictions")),
		"no evaluation": t.case(t.without(t.model, {"evaluation"})),
		"only by somebody who may not evaluate": t.case(t.signed_by(t.model, "evaluation", t.ci)),
		"of another model": t.case(t.set_body(t.model, "evaluation", ["inputs", "model"], t.digest("better"))),
		"a measurement of another kind": t.case(t.set_body(t.model, "evaluation", ["kind"], "drift")),
		"the newest is worse": t.case(_later(t.evaluation("test.csv", 0.5), "2026-11-23T10:05:00Z")),
		"one of two that arrived together is worse": t.case(_later(t.evaluation("test.csv", 0.5), "2026-11-22T10:05:00Z")),
		"another suite is worse": t.case_with(_with_robust, _thresholds({"*": {"accuracy": {"min": 0.96}}})),
		"a suite that is named was not run": t.case_with(t.model, _thresholds({"robust": {"accuracy": {"min": 0.9}}})),
		"the model in the image is not good enough": t.case(t.set_body(
			t.image,
			"evaluation",
			["results", "accuracy", "value"],
			0.5,
		)),
	},
	"skipped": {
		"a value that is no number": t.case(_accuracy("0.97")),
		"a value that is no number, with a greatest value": _unreadable_above,
		"a result without a value": t.case(t.drop_body(t.model, "evaluation", ["results", "accuracy", "value"])),
	},
	"not_applicable": {"no model": t.case(t.data_at_register)},
}

cases["quality.evaluator_independent"] := {
	"pass": {
		"another principal": t.case(t.model),
		"the newest is by another principal": t.case(t.with_statement(
			t.model,
			"earlier",
			_by(_trainer_evaluates, "2026-11-22T10:00:00Z"),
		)),
	},
	"fail": {
		"the trainer": t.case(t.signed_by(t.model, "evaluation", _trainer_evaluates)),
		"the newest is by the trainer": t.case(_later_by(_trainer_evaluates)),
		"the trainer with another key": t.case(t.signed_by(t.model, "evaluation", object.union(
			_trainer_evaluates,
			{"id": "ci-2"},
		))),
	},
	"not_applicable": _nothing_evaluated,
}

cases["quality.evaluated_on_pinned_split"] := {
	"pass": {
		"the test split": t.case(t.model),
		"the test split of both training datasets": t.case(t.model_fed_more),
	},
	"fail": {
		"the test split of one of two training datasets": t.case(t.without(t.model_fed_more, {"extra splits"})),
		"another test split of the second training dataset": t.case(t.with_statement(
			t.model_fed_more,
			"extra splits",
			t.splits_of("extra.csv", "other.csv"),
		)),
		"the test split of the one, which is the other": t.case(json.patch(t.model_fed_more, [
			{"op": "replace", "path": ["statements", "evaluation"], "value": t.evaluation("extra.csv", 0.97)},
			{"op": "replace", "path": ["statements", "splits"], "value": t.splits_of("train.csv", "extra.csv")},
			{"op": "replace", "path": ["statements", "extra splits"], "value": t.splits_of("extra.csv", "extra.csv")},
		])),
		"an expired splits measurement": t.case(t.set_body(t.model, "splits", ["valid_until"], "2026-11-23T21:30:00Z")),
		"the test split, and the same again": t.case(t.set_body(
			t.model,
			"evaluation",
			["inputs", "test#2"],
			t.digest("test.csv"),
		)),
		"data that nobody pinned": t.case(_test(t.digest("cherries.csv"))),
		"the training split": t.case(_test(t.digest("train.csv"))),
		"no data": t.case(t.drop_body(t.model, "evaluation", ["inputs", "test"])),
		"the test split, and the training split beside it": t.case(t.set_body(
			t.model,
			"evaluation",
			["inputs", "test#2"],
			t.digest("train.csv"),
		)),
		"the test split of another model's data": t.case(_second_evaluated),
		"no splits measurement": t.case(t.without(t.model, {"splits"})),
		"a splits measurement with overlap": t.case(t.set_body(
			t.model,
			"splits",
			["results", "overlap.rows", "value"],
			3,
		)),
		"a splits measurement of other data": t.case(t.set_body(t.model, "splits", ["inputs", "train"], t.digest("x"))),
	},
	"not_applicable": _nothing_evaluated,
}

test_cases if t.surprises(cases) == set()

test_shortfalls_are_numbers if {
	failing := cases["quality.evaluation_threshold"].fail
	below := t.check(t.case(_accuracy(0.89)), "quality.evaluation_threshold")
	below.message == concat(" ", ["the evaluation of churn-model", t.short("model"), "does not meet its thresholds"])
	below.results[0].notes == ["suite holdout: accuracy is 0.89, wanted is at least 0.9"]
	below.results[0].evidence == [t.statement("evaluation")]
	above := t.check(failing["above what is believable"], "quality.evaluation_threshold")
	above.results[0].notes == ["suite holdout: accuracy is 0.97, wanted is at most 0.96"]
	absent := t.check(failing["the metric is missing"], "quality.evaluation_threshold")
	absent.results[0].notes == ["suite holdout does not report f1"]
}

test_no_evaluation_says_so_and_why if {
	missing := t.check(t.case(t.without(t.model, {"evaluation"})), "quality.evaluation_threshold")
	missing.message == concat(" ", ["no signed evaluation of churn-model", t.short("model")])
	foreign := t.check(t.case(t.signed_by(t.model, "evaluation", t.ci)), "quality.evaluation_threshold")
	foreign.results[0].notes == [`there is one by ci, but not under a role "evaluator"`]
	suite := t.check(
		t.case_with(t.model, _thresholds({"robust": {"accuracy": {"min": 0.9}}})),
		"quality.evaluation_threshold",
	)
	suite.message == sprintf("no signed evaluation of churn-model %s with suite robust", [t.short("model")])
}

test_only_an_evaluation_of_the_model_explains if {
	world := t.with_statement(t.without(t.model, {"evaluation"}), "drift", object.union(
		object.remove(t.evaluation("test.csv", 0.97), ["body"]),
		{"body": {"kind": "drift", "suite": {"name": "drift", "version": "1"}, "inputs": {}, "results": {}}},
	))
	not t.check(t.case(world), "quality.evaluation_threshold").results[0].notes
	second := t.check(t.case(t.signed_by(_two_models, "evaluation", t.ci)), "quality.evaluation_threshold")
	{row.target: count(row.notes) | some row in second.results; row.notes} == {t.digest("model"): 1}
}

test_what_cannot_be_read_is_skipped_with_its_evidence if {
	found := t.check(t.case(_accuracy("0.97")), "quality.evaluation_threshold")
	found.results[0].notes == ["a statement is there, but what the rule has to read in it cannot be evaluated"]
	found.results[0].evidence == [t.statement("evaluation")]
}

test_dependence_names_the_signer if {
	found := t.check(t.case(t.signed_by(t.model, "evaluation", _trainer_evaluates)), "quality.evaluator_independent")
	found.results[0].notes == ["the evaluation by ci has the principal that signed the training"]
}

test_split_problems_are_told_apart if {
	train := t.label("train.csv")
	trained_on := t.check(t.case(_test(t.digest("train.csv"))), "quality.evaluated_on_pinned_split")
	trained_on.results[0].notes == [
		sprintf("it was evaluated on data/%s, on which it was trained", [train]),
		sprintf(
			"it was evaluated on data/%s, which is not, by clean splits measurements, the test split of all training data",
			[train],
		),
	]
	unnamed := t.check(
		t.case(t.drop_body(t.model, "evaluation", ["inputs", "test"])),
		"quality.evaluated_on_pinned_split",
	)
	unnamed.results[0].notes == ["the evaluation does not say on which data"]
}

_notes(world, code) := t.check(t.case(world), code).results[0].notes

test_what_does_not_count_says_why if {
	code := "quality.evaluation_threshold"
	_notes(_accuracy_as({"metric": "accuracy", "value": 0.99, "slice": "easy"}), code) == [concat(" ", [
		"suite holdout: what it reports as accuracy",
		"is another metric, of a slice, or of no rows",
	])]
	_notes(_second_input("model"), code) == ["there is one by evaluator, but it names more than one model"]
	_notes(t.drop_body(t.model, "evaluation", ["inputs", "model"]), code) == [concat(" ", [
		"there is one by evaluator,",
		"but it does not name this as the one model that it measured",
	])]
	_notes(_second_input("test"), "quality.evaluated_on_pinned_split") == ["the evaluation names more than one test split"]
}
