# METADATA
# title: Tests of the decision
# description: What becomes of reports, whatever the rules are; real rules are tested beside themselves.
package placet.main_test

import data.placet.main
import data.placet.settings
import data.placet.testing as t

_gate(key, value) := [t.set_setting(["gates", "promote/production", key], value)]

_denied := t.without(t.model, {"train"})

_waived_by(people) := json.patch(_denied, [{"op": "add", "path": ["statements", id], "value": told} |
	some who in people
	id := concat("/", ["waiver", who.id])
	told := t.waiver(who, "model", "data.origin_known")
])

_both := {t.risk, t.board}

_waiver(path, value) := json.patch(_waived_by(_both), [
	{"op": "add", "path": array.concat(["statements", "waiver/board", "body"], path), "value": value},
	{"op": "add", "path": array.concat(["statements", "waiver/risk-officer", "body"], path), "value": value},
])

_status(told) := t.check(told, "data.origin_known").status

# A policy set of made-up rules: reports by code, at a gate that asks for the collection toy.
_toy(reports, codes) := answer if {
	rules := {code: {"collections": ["toy"], "topic": "toy"} | some code in codes}
	patched := json.patch(settings, [t.set_setting(["gates", "promote/production", "collections"], ["toy"])])
	answer := main.decision with input as t.facts(t.model)
		with data.placet.rules as {"toy": {"report": reports}}
		with data.placet.index.rules as rules
		with data.placet.settings as patched
}

_report(code, statuses, words) := object.union(
	{
		"code": code,
		"title": "A toy",
		"severity": "error",
		"controls": [],
		"requirements": [],
		"effective_on": "",
		"solution": "none",
		"results": {row |
			some target, status in statuses
			row := object.union(
				{"status": status, "target": target, "evidence": []},
				{"message": target | status != "pass"},
			)
		},
	},
	words,
)

_one(statuses, words) := _toy({_report("toy.one", statuses, words)}, {"toy.one"})

test_allow_when_everything_is_in_order if {
	answer := t.decide(t.case(t.model))
	answer.version == 1
	answer.gate == "promote/production"
	answer.subject == t.digest("model")
	answer.verdict == "allow"
	answer.would == "allow"
	answer.mode == "enforce"
	answer.waivers == []
	answer.obligations == []
	count(answer.checks) == 28
	{check.status | some check in answer.checks} == {"pass"}
}

test_allow_an_image_with_its_model if {
	t.decide(t.case(t.image)).verdict == "allow"
	some row in t.check(t.case(t.image), "train.seeds_complete").results
	row.target == t.digest("model")
}

test_allow_raw_data_into_the_registry if {
	answer := t.decide(t.case(t.data_at_register))
	answer.verdict == "allow"
	t.codes(t.case(t.data_at_register), "not_applicable") & {"train.seeds_complete", "quality.evaluation_threshold"} == {
		"train.seeds_complete",
		"quality.evaluation_threshold",
	}
}

test_deny_what_nobody_vouches_for if {
	answer := t.decide(t.case(t.stranger))
	answer.verdict == "deny"
	t.codes(t.case(t.stranger), "fail") == {"lineage.subject_known", "change.approved"}
}

test_checks_and_results_are_sorted if {
	answer := t.decide(t.case(t.image))
	codes := [check.code | some check in answer.checks]
	codes == sort(codes)
	every check in answer.checks {
		targets := [row.target | some row in check.results]
		targets == sort(targets)
	}
}

test_gates_ask_their_own_collections if {
	asked := {gate: {check.code | some check in t.decide(t.case(world)).checks} |
		some gate in {"register", "promote/staging", "deploy/production", "running/production", "recheck"}
		world := json.patch(t.model, [{"op": "replace", "path": ["gate"], "value": gate}])
	}
	not "change.approved" in asked.register
	not "change.approved" in asked["promote/staging"]
	"change.approved" in asked["deploy/production"]
	not "quality.evaluation_fresh" in asked["running/production"]
	"lineage.not_revoked" in asked["running/production"]
	"data.origin_known" in asked["running/production"]
	"quality.evaluation_fresh" in asked.recheck
	"data.not_expired" in asked.recheck
	not "train.seeds_complete" in asked.recheck
}

test_deny_an_unknown_gate if {
	world := json.patch(t.model, [{"op": "replace", "path": ["gate"], "value": "promote/moon"}])
	answer := t.decide(t.case(world))
	answer.verdict == "deny"
	answer.mode == "enforce"
	[check] := answer.checks
	check.code == "policy.unknown_gate"
	check.status == "fail"
	check.message == "no gate promote/moon in the settings"
	contains(check.solution, "promote/production, promote/staging, recheck")
}

test_no_decision_without_input if not main.decision with input as {}

test_deny_when_an_expected_rule_is_silent if {
	answer := _toy({_report("toy.one", {"a": "pass"}, {})}, {"toy.one", "toy.two"})
	answer.verdict == "deny"
	[silent, passed] := answer.checks
	silent.code == "policy.no_report"
	silent.message == "rule toy.two reported nothing"
	silent.results == [{"status": "fail", "target": "toy.two", "message": "rule toy.two reported nothing", "evidence": []}]
	passed.status == "pass"
}

test_deny_when_a_collection_has_no_rule if {
	told := t.case_with(t.model, _gate("collections", ["base", "typo"]))
	found := t.check(told, "policy.no_report")
	found.message == "collection typo of gate promote/production has no rule"
	t.decide(told).verdict == "deny"
}

test_deny_when_a_rule_is_not_in_the_index if {
	answer := _toy({_report("toy.one", {"a": "pass"}, {}), _report("toy.two", {"a": "pass"}, {})}, {"toy.one"})
	answer.verdict == "deny"
	[unknown, _] := answer.checks
	unknown.code == "policy.unknown_code"
	unknown.message == "a rule reports under toy.two, which the index does not know"
}

test_deny_when_two_rules_share_a_code if {
	answer := _toy({_report("toy.one", {"a": "pass"}, {}), _report("toy.one", {"b": "fail"}, {})}, {"toy.one"})
	answer.verdict == "deny"
	[twice, one] := answer.checks
	twice.code == "policy.unknown_code"
	twice.message == "more than one rule reports under toy.one"
	one.status == "fail"
	[row.target | some row in one.results] == ["a", "b"]
}

test_status_is_the_worst_of_the_results if {
	statuses := {name: _one(results, {}).checks[0].status |
		some name, results in {
			"fail": {"a": "pass", "b": "skipped", "c": "fail"},
			"skipped": {"a": "pass", "b": "skipped"},
			"pass": {"a": "pass", "b": "not_applicable"},
			"not_applicable": {"a": "not_applicable"},
		}
	}
	every name, status in statuses {
		name == status
	}
}

test_message_is_of_the_first_of_the_worst if {
	_one({"a": "pass", "b": "skipped", "c": "fail", "d": "fail"}, {}).checks[0].message == "c"
	not _one({"a": "pass"}, {}).checks[0].message
	_one({"a": "not_applicable"}, {}).checks[0].message == "a"
}

test_deny_when_nothing_applies if {
	answer := _one({"a": "not_applicable"}, {})
	answer.would == "deny"
	answer.verdict == "deny"
}

test_deny_what_was_skipped_unless_the_gate_tolerates_it if {
	skipped := t.drop_body(t.model, "splits", ["results", "overlap.rows"])
	world := t.drop_body(skipped, "evaluation", ["inputs", "test"])
	tolerant := array.concat(_gate("allow_skipped", true), _gate("collections", ["build"]))
	t.decide(t.case_with(world, _gate("collections", ["build"]))).verdict == "deny"
	t.codes(t.case_with(world, tolerant), "skipped") == {"data.no_leakage"}
	t.decide(t.case_with(world, tolerant)).verdict == "allow"
}

test_a_warning_does_not_deny if {
	every status in {"fail", "skipped"} {
		answer := _one({"a": status, "b": "pass"}, {"severity": "warning"})
		answer.verdict == "allow"
		answer.checks[0].status == "warn"
		answer.checks[0].message == "a"
		answer.checks[0].results[0].status == status
	}
}

test_a_rule_of_tomorrow_warns if {
	_one({"a": "fail"}, {"effective_on": "2026-11-23T21:30:01Z"}).checks[0].status == "warn"
	_one({"a": "fail"}, {"effective_on": "2026-11-23T21:30:00Z"}).checks[0].status == "fail"
	_one({"a": "fail"}, {"effective_on": "soon"}).checks[0].status == "fail"
	_one({"a": "pass"}, {"effective_on": "2027-01-01T00:00:00Z"}).checks[0].status == "pass"
}

test_other_modes_allow_and_say_what_they_would if {
	every mode in {"warn", "dry_run"} {
		answer := t.decide(t.case_with(_denied, _gate("mode", mode)))
		answer.mode == mode
		answer.verdict == "allow"
		answer.would == "deny"
	}
}

test_a_dry_run_of_an_enforced_gate_still_denies if {
	world := json.patch(_denied, [{"op": "replace", "path": ["request", "dry_run"], "value": true}])
	t.decide(t.case(world)).verdict == "deny"
}

test_waivers_set_a_failure_aside_and_hide_nothing if {
	answer := t.decide(t.case(_waived_by(_both)))
	answer.verdict == "allow"
	answer.waivers == sort([t.statement("waiver/board"), t.statement("waiver/risk-officer")])
	found := t.check(t.case(_waived_by(_both)), "data.origin_known")
	found.status == "waived"
	startswith(found.message, "no signed dataset statement")
	"fail" in {row.status | some row in found.results}
	found.waiver.by == "board, risk-officer"
	found.waiver.until == "2027-01-31T00:00:00Z"
}

test_a_waived_check_ends_with_its_first_waiver if {
	world := t.set_body(_waived_by(_both), "waiver/risk-officer", ["validUntil"], "2026-12-01T01:00:00+01:00")
	t.check(t.case(world), "data.origin_known").waiver == {
		"statement": t.statement("waiver/risk-officer"),
		"until": "2026-12-01T00:00:00Z",
		"by": "board, risk-officer",
	}
}

test_a_waiver_of_a_passing_check_is_not_used if {
	world := json.patch(_waived_by(_both), [{
		"op": "add",
		"path": ["statements", "train"],
		"value": t.dataset("train.csv", "derived"),
	}])
	answer := t.decide(t.case(world))
	answer.waivers == []
	t.check(t.case(world), "data.origin_known").status == "pass"
}

test_production_wants_two_principals_for_a_waiver if {
	_status(t.case(_waived_by({t.risk}))) == "fail"
	_status(t.case(_waived_by({t.risk, t.signer("risk-2", "risk@example.org", ["approver"])}))) == "fail"
	_status(t.case_with(_waived_by({t.risk}), _gate("waivers", {"accepted": true, "principals": 1}))) == "waived"
}

test_a_gate_may_accept_no_waiver if {
	_status(t.case_with(_waived_by(_both), _gate("waivers", {"accepted": false, "principals": 1}))) == "fail"
}

test_a_waiver_is_for_one_artifact if {
	world := json.patch(_waived_by(_both), [{
		"op": "replace",
		"path": ["statements", "waiver/board", "subjects"],
		"value": ["raw.csv"],
	}])
	_status(t.case(world)) == "fail"
}

test_waivers_that_do_not_hold if {
	every world in [
		_waiver(["kind"], "change"),
		_waiver(["decision"], "reject"),
		_waiver(["scope", "gate"], "promote/staging"),
		_waiver(["scope", "environment"], "staging"),
		_waiver(["scope", "rule"], "data.license_known"),
		_waiver(["scope", "rule"], 7),
		_waiver(["scope"], {}),
		_waiver(["validFrom"], "2026-11-24T00:00:00Z"),
		_waiver(["validUntil"], "2026-11-23T21:30:00Z"),
		_waiver(["validUntil"], "for ever"),
		t.signed_by(_waived_by(_both), "waiver/board", t.owner),
		t.signed_by(_waived_by(_both), "waiver/board", t.signer("dev-2", "dev@example.org", ["approver"])),
		t.signed_by(_waived_by(_both), "waiver/board", t.signer("ops", "ci@example.org", ["approver"])),
	] {
		_status(t.case(world)) == "fail"
	}
}

test_some_rules_cannot_be_waived if {
	world := json.patch(_waiver(["scope", "rule"], "lineage.not_revoked"), [{
		"op": "add",
		"path": ["revoked", "model"],
		"value": {"since": "always", "reason": "DATA-77"},
	}])
	t.check(t.case(world), "lineage.not_revoked").status == "fail"
}

test_the_policy_does_not_waive_its_checks_on_itself if {
	world := _waiver(["scope", "rule"], "policy.no_report")
	t.check(t.case_with(world, _gate("collections", ["base", "typo"])), "policy.no_report").status == "fail"
}
