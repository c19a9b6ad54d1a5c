# METADATA
# title: Tests of lineage
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.lineage_test

import data.placet.testing as t

_patched(patch) := json.patch(t.model, patch)

_add(path, value) := _patched([{"op": "add", "path": path, "value": value}])

_used_as(name, role) := t.set_body(t.model, "training", ["dependencies", t.digest(name)], {"name": name, "role": role})

_base_accepted := [t.set_setting(["lineage", "base_models"], [t.digest("base")])]

cases["lineage.subject_known"] := {
	"pass": {"a model": t.case(t.model), "an image": t.case(t.image), "a dataset": t.case(t.data_at_register)},
	"fail": {
		"nobody said anything": t.case(t.stranger),
		"only an approval": t.case(t.with_statement(t.stranger, "approval", t.approval(t.risk, "some.file"))),
	},
}

cases["lineage.kind_allowed"] := {
	"pass": {"a model to production": t.case(t.model)},
	"fail": {
		"a dataset to production": t.case(json.patch(t.data_at_register, [{
			"op": "replace",
			"path": ["gate"],
			"value": "promote/production",
		}])),
		"one of two kinds is not taken": t.case(_add(["kinds", "model"], "dataset")),
	},
	"not_applicable": {"nobody says what it is": t.case(t.stranger)},
}

cases["lineage.kind_conflict"] := {
	"pass": {"one kind each": t.case(t.image)},
	"fail": {
		"the subject is two things": t.case(_add(["kinds", "model"], "dataset")),
		"an ancestor is two things": t.case(_add(["kinds", "raw.csv"], "model")),
	},
	"not_applicable": {"nobody says what anything is": t.case(t.stranger)},
}

cases["lineage.closed"] := {
	"pass": {
		"down to raw data, code and locks": t.case(t.model),
		"through an image": t.case(t.image),
		"raw data itself": t.case(t.data_at_register),
		"something that is only ever used as code, whatever its owner calls it": t.case(t.with_statement(
			_used_as("notes.csv", "code"),
			"notes",
			t.dataset("notes.csv", "derived"),
		)),
		"an accepted base model": t.case_with(_used_as("base", "base-model"), _base_accepted),
		"a dataset without an owner's statement, which data.origin_known judges": t.case(t.without(t.model, {"raw"})),
		"a dataset that names its source": t.case(t.set_body(
			t.without(t.model, {"splitting"}),
			"train",
			["origin", "derivedFrom"],
			[{"digest": t.digest("raw.csv"), "name": "raw"}],
		)),
	},
	"fail": {
		"derived data, and nothing says from what": t.case(t.without(t.model, {"splitting"})),
		"a derived dataset as the subject": t.case(t.set_body(t.data_at_register, "raw", ["kind"], "derived")),
		"derived data beside raw data": t.case(t.with_statement(
			t.set_body(
				t.without(t.model, {"splitting"}),
				"training",
				["dependencies", t.digest("raw.csv")],
				{"name": "data/raw.csv", "role": "dataset"},
			),
			"splitting of nothing",
			t.splits,
		)),
		"derived data that is called code elsewhere": t.case(t.set_body(
			t.without(t.image, {"splitting"}),
			"packaging",
			["dependencies", t.digest("train.csv")],
			{"name": "train.csv", "role": "code"},
		)),
		"a model that its owner calls raw data": t.case(t.with_statement(
			t.without(t.image, {"training"}),
			"model as data",
			t.dataset("model", "raw"),
		)),
		"a model that is called code elsewhere": t.case(json.patch(t.without(t.image, {"training"}), [
			{"op": "add", "path": ["statements", "again"], "value": t.packaging},
			{
				"op": "add",
				"path": ["statements", "again", "body", "dependencies", t.digest("model"), "role"],
				"value": "code",
			},
		])),
		"a base model that nobody accepted": t.case(_used_as("base", "base-model")),
		"a model in the image that nobody trained": t.case(t.without(t.image, {"training"})),
		"something used in a role that needs an account": t.case(_used_as("thing", "surprise")),
		"a cycle": t.case(_add(["cycle"], ["model", "train.csv", "model"])),
		"a lineage without end": t.case(_add(["truncated"], true)),
	},
	"not_applicable": {"nobody says what it is": t.case(t.stranger)},
}

cases["lineage.stages_known"] := {
	"pass": {
		"a trained model": t.case(t.model),
		"an image with a trained model": t.case(t.image),
		"an image with an accepted base model": t.case_with(
			json.patch(t.without(t.image, {"training"}), [{
				"op": "add",
				"path": ["statements", "packaging", "body", "dependencies"],
				"value": {t.digest("base"): {"name": "base", "role": "base-model"}},
			}]),
			_base_accepted,
		),
	},
	"fail": {
		"a model that was only named": t.case(json.patch(t.without(t.model, {"training"}), [{
			"op": "add",
			"path": ["kinds", "model"],
			"value": "model",
		}])),
		"a model in an image that nobody trained": t.case(t.without(t.image, {"training"})),
		"an image without a model": t.case(t.set_body(t.image, "packaging", ["dependencies"], {})),
		"an image without a package statement": t.case(json.patch(t.image, [
			{"op": "add", "path": ["kinds", "image"], "value": "image"},
			{"op": "replace", "path": ["statements", "packaging", "type"], "value": "provenance"},
		])),
	},
	"not_applicable": {"a dataset": t.case(t.data_at_register)},
}

cases["lineage.all_digested"] := {
	"pass": {
		"every dependency has a digest": t.case(t.model),
		"another record of the step has every digest": t.case(t.with_statement(
			t.set_body(t.model, "training", ["unpinned"], ["main"]),
			"again",
			t.training,
		)),
		"nothing was recorded as unpinned": t.case(t.drop_body(t.model, "training", ["unpinned"])),
	},
	"fail": {
		"a branch": t.case(json.patch(t.set_body(t.model, "training", ["unpinned"], ["main"]), [{
			"op": "add",
			"path": ["unpinned"],
			"value": [{"artifact": "model", "name": "main"}],
		}])),
		"a dataset's source has no digest": t.case(json.patch(t.data_at_register, [{
			"op": "add",
			"path": ["unpinned"],
			"value": [{"artifact": "raw.csv", "name": "older"}],
		}])),
	},
	"not_applicable": {"nothing was made here": t.case(t.data_at_register)},
}

cases["lineage.not_revoked"] := {
	"pass": {"nothing is": t.case(t.model), "nobody knows it, and it is not": t.case(t.stranger)},
	"fail": {
		"the subject is": t.case(_add(["revoked", "model"], {"since": "always", "reason": "DATA-77"})),
		"an ancestor is": t.case(_add(["revoked", "raw.csv"], {"since": "2026-09-01T00:00:00Z", "reason": ""})),
	},
}

test_cases if t.surprises(cases) == set()

test_only_the_ends_of_the_lineage_are_looked_at if {
	targets := {row.target | some row in t.check(t.case(t.model), "lineage.closed").results}
	targets == {t.digest(name) | some name in {"model", "raw.csv", "code", "lock"}}
}

test_unknown_subject_gets_the_first_step if {
	found := t.check(t.case(t.stranger), "lineage.subject_known")
	found.message == concat(" ", ["nobody who may do so says what", t.short("some.file"), "is"])
	startswith(found.solution, "record the step that makes it:  placet record --step STEP")
}

test_refused_kind_claim_is_shown if {
	world := json.patch(t.stranger, [{"op": "add", "path": ["findings"], "value": [{
		"code": "trust.role_missing",
		"type": "dataset",
		"artifact": t.digest("some.file"),
		"signer": "intern",
		"text": "-",
	}]}])
	found := t.check(t.case(world), "lineage.subject_known")
	found.results[0].notes == ["there is one by intern, but its signer may not sign this (trust.role_missing)"]
}

test_kind_messages if {
	allowed := t.check(cases["lineage.kind_allowed"].fail["a dataset to production"], "lineage.kind_allowed")
	allowed.message == concat("", [
		t.short("raw.csv"),
		" is of kind dataset, and gate promote/production takes only image, model",
	])
	conflict := t.check(cases["lineage.kind_conflict"].fail["the subject is two things"], "lineage.kind_conflict")
	conflict.message == concat(" ", [
		"churn-model",
		t.short("model"),
		"is called dataset and model by different statements",
	])
}

test_gaps_are_told_apart if {
	failing := cases["lineage.closed"].fail
	derived := t.check(failing["derived data, and nothing says from what"], "lineage.closed")
	derived.message == sprintf("nothing says how data/%s was made, and it is no accepted root", [t.label("train.csv")])
	derived.results[_].notes == [`its dataset statement says kind "derived", which must come from somewhere`]
	cycle := t.check(failing["a cycle"], "lineage.closed")
	cycle.message == sprintf("the lineage of churn-model %s runs in a circle: %s", [t.short("model"), concat(" > ", [
		concat(" ", ["churn-model", t.short("model")]),
		concat("", ["data/", t.label("train.csv")]),
		concat(" ", ["churn-model", t.short("model")]),
	])])
	truncated := t.check(failing["a lineage without end"], "lineage.closed")
	truncated.message == sprintf(
		"the lineage of churn-model %s is larger than the limits allow to follow",
		[t.short("model")],
	)
}

test_missing_stages_are_told_apart if {
	failing := cases["lineage.stages_known"].fail
	named := t.check(failing["a model that was only named"], "lineage.stages_known")
	named.message == concat(" ", ["no training statement for churn-model", t.short("model")])
	modelless := t.check(failing["an image without a model"], "lineage.stages_known")
	modelless.message == concat(" ", ["image", t.short("image"), "has no model in its lineage"])
	unpacked := t.check(failing["an image without a package statement"], "lineage.stages_known")
	unpacked.message == concat(" ", ["no package statement for image", t.short("image")])
}

test_revocation_says_since_when_and_why if {
	found := t.check(cases["lineage.not_revoked"].fail["the subject is"], "lineage.not_revoked")
	found.message == concat(" ", ["churn-model", t.short("model"), "is revoked since always: DATA-77"])
}

test_unpinned_dependency_is_named if {
	found := t.check(cases["lineage.all_digested"].fail["a branch"], "lineage.all_digested")
	found.message == sprintf("churn-model %s was made from something named without a digest: main", [t.short("model")])
}
