"""What is said of patches that cannot be applied."""

from typing import Any

from k3py.model.errors import Details, Invalid, Problem


class PatchFailed(Problem):
    """A strategic merge patch that does not fit the object; Kubernetes answers 500 without a reason."""

    code, reason = 500, ""


def rejected() -> Invalid:
    """A JSON patch that cannot be applied; Kubernetes does not say why."""
    return Invalid("the server rejected our request due to an error in our request", Details())


def go_text(value: Any) -> str:
    """A plain value as Go prints it: ``map[a:1 b:[x y]]``."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(each)}' for key, each in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(go_text(each) for each in value)}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
