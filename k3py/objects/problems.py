"""Problems of writes that the common tree has no class for."""

from k3py.model.errors import InternalError


class Unexplained(InternalError):
    """A refusal that Kubernetes answers with 500 and no reason: the request is at odds with itself."""

    reason = ""
