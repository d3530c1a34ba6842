"""Which pod and which container of it is meant by POD, pod/POD, deploy/NAME ... Acts; choosing is pure."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from k3py.cli.app import NOT_FOUND, USAGE, Failure
from k3py.cli.resources import find_kind, path_of
from k3py.cli.session import Session

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_PHASES: Final = {"Running": 0, "Pending": 1, "Succeeded": 2, "Failed": 3}
Plain = dict[str, Any]


def find_pod(session: Session, word: str, namespace: str) -> Plain:
    """The pod, or the best pod of what has pods.

    Raises:
        NotFound: there is no such object.
        Failure: it has no pods.
    """
    kind_word, slash, name = word.partition("/")
    kind, name = find_kind(kind_word if slash else "pod"), name if slash else word
    if not name:
        raise Failure(f"cannot read '{word}': say POD or KIND/NAME", USAGE)
    holder: Plain = session.request("GET", path_of(kind, namespace, name)).plain()
    if kind.name == "Pod":
        return holder
    selector = selector_of(holder)
    if not selector:
        raise Failure(f"cannot find pods of {word}: it selects none")
    query = {"labelSelector": selector}
    pods = session.request("GET", path_of(find_kind("pods"), namespace), query).plain()["items"]
    if not pods:
        raise Failure(f"cannot find pods of {word}: there are none yet", NOT_FOUND)
    chosen = best_pod(pods)
    if len(pods) > 1:
        print(f"Found {len(pods)} pods, using pod/{chosen['metadata']['name']}", file=sys.stderr)
    return chosen


def selector_of(holder: Mapping[str, Any]) -> str:
    """The selector of a Deployment, ReplicaSet or Service as text; empty when it selects nothing."""
    selector = (holder.get("spec") or {}).get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in selector.items())
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*parts, *map(_expression, selector.get("matchExpressions") or ())])


def _expression(each: Mapping[str, Any]) -> str:
    key, operator, values = str(each["key"]), str(each["operator"]), ",".join(each.get("values") or ())
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return forms[operator]


def best_pod(pods: Sequence[Plain]) -> Plain:
    """The pod that most likely answers: not ending, running, ready, seldom restarted, the oldest of those."""

    def rank(pod: Plain) -> tuple[Any, ...]:
        metadata, status = pod["metadata"], pod.get("status") or {}
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
        restarts = sum(each.get("restartCount", 0) for each in status.get("containerStatuses") or ())
        ending = "deletionTimestamp" in metadata
        phase = _PHASES.get(status.get("phase", ""), len(_PHASES))
        return ending, phase, not ready, restarts, metadata.get("creationTimestamp", ""), metadata["name"]

    return min(pods, key=rank)


def container_names(pod: Mapping[str, Any]) -> list[str]:
    """The pod's containers, init containers behind the others."""
    spec = pod["spec"]
    return [each["name"] for field in ("containers", "initContainers") for each in spec.get(field) or ()]


def choose_container(pod: Mapping[str, Any], asked: str) -> str:
    """The container asked for, the one the pod's annotation names, or the first.

    Raises:
        Failure: the pod has no such container.
    """
    names = container_names(pod)
    pod_name = pod["metadata"]["name"]
    if asked:
        if asked not in names:
            raise Failure(f"container {asked} is not valid for pod {pod_name}: it has {', '.join(names)}", NOT_FOUND)
        return asked
    named = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if named in names:
        return str(named)
    if len(names) > 1:
        print(f'Defaulted container "{names[0]}" out of: {", ".join(names)}', file=sys.stderr)
    return names[0]
