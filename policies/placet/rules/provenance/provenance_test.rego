# METADATA
# title: Tests of provenance
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.provenance_test

import data.placet.testing as t

_training(path, value) := t.case(t.set_body(t.model, "training", path, value))

_lacking(path) := t.case(t.drop_body(t.model, "training", path))

_no_training := {
	"a dataset": t.case(t.data_at_register),
	"a model that nobody trained": t.case(t.without(t.image, {"training"})),
}

cases["train.provenance_complete"] := {
	"pass": {
		"everything is named": t.case(t.model),
		"another training statement names everything": t.case(t.with_statement(
			t.drop_body(t.model, "training", ["builder"]),
			"again",
			t.training,
		)),
	},
	"fail": {
		"no command": _lacking(["entry_point"]),
		"an empty command": _training(["entry_point"], " "),
		"no builder": _training(["builder"], null),
		"no start": _lacking(["started"]),
		"no end": _lacking(["finished"]),
		"no code": _lacking(["dependencies", t.digest("code")]),
		"no data": _lacking(["dependencies", t.digest("train.csv")]),
		"nothing used": _training(["dependencies"], {}),
	},
	"not_applicable": _no_training,
}

cases["lineage.trusted_builder"] := {
	"pass": {
		"signed by the builder": t.case(t.image),
		"signed by somebody else, and by the builder too": t.case(t.with_statement(
			t.signed_by(t.model, "splitting", t.owner),
			"again",
			t.splitting,
		)),
	},
	"fail": {
		"the training is signed by somebody else": t.case(t.signed_by(t.model, "training", t.evaluator)),
		"the data's step is signed by somebody else": t.case(t.signed_by(t.model, "splitting", t.owner)),
		"the packaging is signed by somebody else": t.case(t.signed_by(t.image, "packaging", t.risk)),
	},
	"not_applicable": {"raw data": t.case(t.data_at_register)},
}

cases["env.locked"] := {
	"pass": {"a lock file": t.case(t.model)},
	"fail": {
		"no lock file": _lacking(["dependencies", t.digest("lock")]),
		"a lock file in another role": _training(["dependencies", t.digest("lock"), "role"], "code"),
	},
	"not_applicable": _no_training,
}

cases["train.duration_sane"] := {
	"pass": {
		"five minutes": t.case(t.model),
		"an end a little after the arrival, as clocks differ": _training(["finished"], "2026-11-22T09:14:59Z"),
		"fractions and offsets": _training(["finished"], "2026-11-22T10:05:00.5+01:00"),
	},
	"fail": {
		"it ended before it began": _training(["finished"], "2026-11-22T08:59:59Z"),
		"it took no time": _training(["finished"], "2026-11-22T09:00:00Z"),
		"it took longer than allowed": _training(["started"], "2026-10-01T00:00:00Z"),
		"it ended long after its statement arrived": _training(["finished"], "2026-11-22T09:15:01Z"),
		"no start": _lacking(["started"]),
		"no end": _lacking(["finished"]),
		"a time that is none": _training(["started"], "2026-02-30T09:00:00Z"),
		"a time that is no text": _training(["started"], 5),
	},
	"not_applicable": _no_training,
}

test_cases if t.surprises(cases) == set()

test_what_is_missing_is_named if {
	found := t.check(_training(["dependencies"], {}), "train.provenance_complete")
	found.message == concat(" ", ["the training record of churn-model", t.short("model"), "is not complete"])
	found.results[0].notes == ["it names no code", "it names no dataset"]
}

test_who_signed_the_step_is_named if {
	found := t.check(t.case(t.signed_by(t.model, "training", t.evaluator)), "lineage.trusted_builder")
	found.message == concat(" ", ["no builder that we trust says how churn-model", t.short("model"), "was made"])
	found.results[_].notes == [`there is a record by evaluator, but not under a role "builder or trainer"`]
}

test_times_are_shown if {
	found := t.check(_lacking(["finished"]), "train.duration_sane")
	found.results[0].notes == [concat(" ", [
		"it says from 2026-11-22T09:00:00Z to no time, and arrived 2026-11-22T09:10:00Z;",
		"the settings allow 720 hours",
	])]
}
