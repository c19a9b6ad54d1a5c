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

_robust := json.patch(t.evaluation("test.csv", 0.95), [{
	"op": "replace",
	"path": ["body", "suite", "name"],
	"value": "robust",
}])

_with_robust := t.with_statement(t.model, "robust", _robust)

_trainer_evaluates := {"id": "ci", "principal": "ci@example.org", "roles": ["evaluator"]}

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
		"above what is believable": t.case_with(t.model, _thresholds({"*": {"accuracy": {"max": 0.96}}})),
		"the metric is missing": t.case_with(t.model, _thresholds({"*": {"f1": {"min": 0.9}}})),
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
	"pass": {"the test split": t.case(t.model)},
	"fail": {
		"data that nobody pinned": t.case(_test(t.digest("cherries.csv"))),
		"the training split": t.case(_test(t.digest("train.csv"))),
		"no data": t.case(t.drop_body(t.model, "evaluation", ["inputs", "test"])),
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
		sprintf("it was evaluated on data/%s, which no clean splits measurement names as the test split", [train]),
	]
	unnamed := t.check(
		t.case(t.drop_body(t.model, "evaluation", ["inputs", "test"])),
		"quality.evaluated_on_pinned_split",
	)
	unnamed.results[0].notes == ["the evaluation does not say on which data"]
}
