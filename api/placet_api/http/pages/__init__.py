"""Pages for auditors and approvers, drawn on the server: no script, nothing signed for a person."""
