"""Package: an OCI image layout with the model and the server in one layer, the same bytes for the same files."""

from pathlib import Path

from placet_attestations.oci import write_layout

files = {"app/model.joblib": Path("model.joblib"), "app/serve.py": Path("serve.py")}
print("image:", write_layout(Path("image"), files, created="1970-01-01T00:00:00Z"))
