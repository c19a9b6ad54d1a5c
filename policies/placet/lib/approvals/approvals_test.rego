# METADATA
# title: Tests of approvals and waivers
# description: What holds at all; what follows from it is tested with the rules of change and with the decision.
package placet.lib.approvals_test

import data.placet.lib.approvals
import data.placet.testing as t

_world(who) := t.with_statement(t.model, "waiver", t.waiver(who, "model", "env.locked"))

test_a_waiver_wants_the_role if {
	approvals.waivers == {"env.locked": {t.statement("waiver")}} with input as t.facts(_world(t.risk))
	approvals.waivers == {} with input as t.facts(_world(t.owner))
}

test_a_waiver_is_no_approval_and_an_approval_no_waiver if {
	approvals.valid == {t.statement("approval")} with input as t.facts(_world(t.risk))
	approvals.waivers == {} with input as t.facts(t.model)
}

test_one_waiver_does_not_waive_where_two_are_wanted if {
	approvals.waived == {} with input as t.facts(_world(t.risk))
}

test_builders_are_those_who_made_something if {
	approvals.builders == {"ci@example.org"} with input as t.facts(t.image)
	approvals.builders == set() with input as t.facts(t.data_at_register)
}
