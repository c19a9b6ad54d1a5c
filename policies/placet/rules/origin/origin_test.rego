# METADATA
# title: Tests of origin
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.origin_test

import data.placet.testing as t

_train := t.digest("train.csv")

_relicensed(license) := t.set_body(t.model, "train", ["rights", "license"], license)

_versioned(version) := t.set_body(t.model, "train", ["version"], version)

cases["data.origin_known"] := {
	"pass": {
		"every dataset has an owner's statement": t.case(t.model),
		"a dataset at the registry": t.case(t.data_at_register),
	},
	"fail": {
		"the training data has none": t.case(t.without(t.model, {"train"})),
		"what the training data was made from has none": t.case(t.without(t.model, {"raw"})),
		"one is there, by somebody who does not own data": t.case(t.signed_by(t.model, "train", t.ci)),
		"a source is named by the dataset statement alone": t.case(t.set_body(
			t.model,
			"raw",
			["origin", "derivedFrom"],
			[{"digest": t.digest("older.csv"), "name": "older"}],
		)),
	},
	"not_applicable": {"there is no dataset": t.case(t.stranger)},
}

cases["data.version_pinned"] := {
	"pass": {"a version": t.case(t.model)},
	"fail": {
		"no version": t.case(t.drop_body(t.model, "train", ["version"])),
		"an empty version": t.case(_versioned(" ")),
		"a moving version": t.case(_versioned("Latest")),
		"a version that is no text": t.case(_versioned(7)),
	},
	"not_applicable": {"no owner's statement": t.case(t.stranger)},
}

cases["data.license_known"] := {
	"pass": {
		"any licence, where none is blocked and no list is given": t.case(t.model),
		"one of the allowed": t.case_with(t.model, [t.set_setting(["licenses", "allowed"], ["cc-by-4.0"])]),
	},
	"fail": {
		"no licence": t.case(t.drop_body(t.model, "train", ["rights", "license"])),
		"an empty licence": t.case(_relicensed("")),
		"a licence that is no text": t.case(_relicensed(1)),
		"blocked, in any case of letters": t.case(_relicensed("NoAssertion")),
		"none of the allowed": t.case_with(t.model, [t.set_setting(["licenses", "allowed"], ["MIT"])]),
	},
	"not_applicable": {"no owner's statement": t.case(t.stranger)},
}

test_cases if t.surprises(cases) == set()

test_denial_names_the_dataset_and_the_command if {
	found := t.check(t.case(t.without(t.model, {"train"})), "data.origin_known")
	found.message == concat("", ["no signed dataset statement for data/", t.label("train.csv")])
	found.solution == `a role "data-owner" must sign one:  placet attest dataset data/train.csv`
	found.results == [row |
		some target in sort([t.digest("raw.csv"), _train])
		row := {
			t.digest("raw.csv"): {"status": "pass", "target": t.digest("raw.csv"), "evidence": [t.statement("raw")]},
			_train: {"status": "fail", "target": _train, "message": found.message, "evidence": []},
		}[target]
	]
}

test_denial_says_why_a_statement_does_not_count if {
	found := t.check(t.case(t.signed_by(t.model, "train", t.ci)), "data.origin_known")
	found.results[_].notes == [`there is one by ci, but not under a role "data-owner"`]
}

test_denial_shows_refused_evidence if {
	world := json.patch(t.without(t.model, {"train"}), [{"op": "add", "path": ["findings"], "value": [
		{"code": "trust.role_missing", "type": "dataset", "artifact": _train, "signer": "intern", "text": "no such role"},
		{"code": "trust.kind_unknown", "type": "dataset", "artifact": _train, "text": "nobody says what it is"},
		{"code": "trust.role_missing", "type": "dataset", "artifact": t.digest("other.csv"), "signer": "eve", "text": "-"},
	]}])
	found := t.check(t.case(world), "data.origin_known")
	found.results[_].notes == [
		"there is one by an unknown signer, but it does not count: nobody says what it is (trust.kind_unknown)",
		"there is one by intern, but its signer may not sign this (trust.role_missing)",
	]
}

test_denial_says_which_words_were_refused if {
	version := t.check(t.case(_versioned("latest")), "data.version_pinned")
	version.results[_].notes == [`it says "latest", which may mean other bytes tomorrow`]
	license := t.check(t.case(_relicensed("NONE")), "data.license_known")
	license.results[_].notes == [`it says "NONE", which the settings do not accept`]
}
