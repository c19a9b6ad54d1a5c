# METADATA
# title: Placet
# description: |
#   What every package below has in common: the shape of `input` and of the settings, against which
#   `opa check --schema` types each reference, and the notes that any rule may put beside a failure.
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.placet.settings: schema.settings
# custom:
#   notes:
#     finding: "there is one by {signer}, but it does not count: {text} ({finding})"
#     trust.role_missing: "there is one by {signer}, but its signer may not sign this ({finding})"
#     trust.signer_expired: "there is one by {signer}, but the signer was not valid at that time ({finding})"
#     trust.signer_revoked: "there is one by {signer}, but the signer is revoked ({finding})"
#     trust.threshold: "there is one by {signer}, but more principals have to sign the same ({finding})"
#     unreadable: "a statement is there, but what the rule has to read in it cannot be evaluated"
package placet
