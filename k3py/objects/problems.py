"""Problems of writes that the common tree has no class for."""

from k3py.model.errors import Problem


class Unexplained(Problem):
    """A refusal that Kubernetes answers with 500 and no reason: the request is at odds with itself."""

    code, reason = 500, ""
