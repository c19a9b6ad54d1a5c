# METADATA
# title: Withholding evidence never helps
# description: |
#   Taking statements away from what is allowed denies; taking them away from what is denied does not allow. Exempt
#   are cases of rules marked `supersedes: true`, in which a newer statement may be the worse one.
package placet.testing.monotonic_test

import data.placet.index
import data.placet.testing as t

_verdict(world) := t.decide(t.case(world)).verdict

# Statements without which the world would still be allowed.
_needless(world) := {name | some name, _ in world.statements; _verdict(t.without(world, {name})) == "allow"}

# Cases of a table that are denied, and would be allowed if one statement were withheld.
_helped(table) := {[code, label, name] |
	some code, statuses in table
	some status in {"fail", "skipped"}
	some label, told in statuses[status]
	t.decide(told).would == "deny"
	some name, _ in told.world.statements
	t.decide(t.case_with(t.without(told.world, {name}), told.settings)).would == "allow"
}

# The same over all cases of all rules: it takes a while, so `tests/policies` asks for it, and wants none.
helped[topic] := _helped({code: statuses |
	some code, statuses in data.placet.rules[concat("_", [topic, "test"])].cases
	not index.rules[code].supersedes
}) if {
	some topic in {rule.topic | some code, rule in index.rules; not startswith(code, "policy.")}
}

# The test split is no ancestor of the model: nobody asks where it comes from.
test_every_statement_about_a_model_is_needed if _needless(t.model) == {"test"}

test_every_statement_about_an_image_is_needed if _needless(t.image) == {"test"}

test_every_statement_about_raw_data_is_needed if _needless(t.data_at_register) == set()

test_an_older_evaluation_is_not_needed if {
	older := object.union(t.evaluation("test.csv", 0.1), {"since": "2026-11-01T00:00:00Z"})
	_needless(t.with_statement(t.model, "older", older)) == {"older", "test"}
}

test_bad_evidence_beside_good_does_not_hurt if {
	every name, told in {
		"dataset": object.union(object.remove(t.dataset("train.csv", "derived"), ["signer"]), {"signer": t.ci}),
		"training": object.union(object.remove(t.training, ["signer", "body"]), {"signer": t.owner, "body": {}}),
		"splits": json.patch(t.splits, [{"op": "replace", "path": ["body", "results", "overlap.rows", "value"], "value": 9}]),
		"approval": t.approval(t.owner, "model"),
	} {
		_verdict(t.with_statement(t.model, concat("/", ["bad", name]), told)) == "allow"
	}
}

test_help_is_found if {
	worse := object.union(t.evaluation("test.csv", 0.5), {"since": "2026-11-23T10:05:00Z"})
	told := t.case(t.with_statement(t.model, "worse", worse))
	_helped({"quality.evaluation_threshold": {"fail": {"the newest is worse": told}}}) == {[
		"quality.evaluation_threshold",
		"the newest is worse",
		"worse",
	]}
	mocked := {
		"data.origin_known": {"fail": {"superseded": told}},
		"quality.evaluation_fresh": {"fail": {"superseded": told}},
	}
	helped.origin == {["data.origin_known", "superseded", "worse"]} with data.placet.rules.origin_test.cases as mocked
}
