"""What is said of a Deployment's rollout, and what undoing it means. Decides.

Words and rules are those of ``kubectl rollout`` (Kubernetes' page "Deployments").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.cli.app import NOT_FOUND, Failure
from k3py.cli.three_way import same

REVISION: Final = "deployment.kubernetes.io/revision"
CHANGE_CAUSE: Final = "kubernetes.io/change-cause"
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
HASH_LABEL: Final = "pod-template-hash"
Plain = dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """A sentence about a rollout, and whether it has come to its end; ``failed`` says that it will not."""

    said: str
    done: bool = False
    failed: bool = False


def progress(deployment: Mapping[str, Any]) -> Progress:
    """How far the rollout of a Deployment is."""
    name = deployment["metadata"]["name"]
    status = deployment.get("status") or {}
    if (deployment["metadata"].get("generation") or 0) > (status.get("observedGeneration") or 0):
        return Progress("Waiting for deployment spec update to be observed...")
    for each in status.get("conditions") or ():
        if each["type"] == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded":
            return Progress(f'deployment "{name}" exceeded its progress deadline', failed=True)
    wanted = deployment["spec"].get("replicas", 1)
    there, updated, available = (
        status.get(field) or 0 for field in ("replicas", "updatedReplicas", "availableReplicas")
    )
    waiting = f'Waiting for deployment "{name}" rollout to finish'
    if updated < wanted:
        return Progress(f"{waiting}: {updated} out of {wanted} new replicas have been updated...")
    if there > updated:
        return Progress(f"{waiting}: {there - updated} old replicas are pending termination...")
    if available < updated:
        return Progress(f"{waiting}: {available} of {updated} updated replicas are available...")
    return Progress(f'deployment "{name}" successfully rolled out', done=True)


def revisions(deployment: Mapping[str, Any], replica_sets: Sequence[Plain]) -> dict[int, Plain]:
    """The Deployment's ReplicaSets by their revision, oldest first."""
    uid = deployment["metadata"]["uid"]
    found: dict[int, Plain] = {}
    for each in replica_sets:
        owners = each["metadata"].get("ownerReferences") or ()
        revision = (each["metadata"].get("annotations") or {}).get(REVISION, "")
        if revision.isdigit() and any(owner.get("uid") == uid for owner in owners):
            found[int(revision)] = each
    return dict(sorted(found.items()))


def history_rows(found: Mapping[int, Plain]) -> list[list[str]]:
    """The table of revisions."""
    rows = [["REVISION", "CHANGE-CAUSE"]]
    for revision, each in found.items():
        rows.append([str(revision), (each["metadata"].get("annotations") or {}).get(CHANGE_CAUSE) or "<none>"])
    return rows


def choose_revision(found: Mapping[int, Plain], asked: int) -> Plain:
    """The ReplicaSet to go back to; 0 asks for the one before the current.

    Raises:
        Failure: there is none.
    """
    if asked:
        if asked not in found:
            raise Failure(f"unable to find specified revision {asked} in history", NOT_FOUND)
        return found[asked]
    if len(found) < 2:
        raise Failure("no rollout history found: there is nothing to go back to", NOT_FOUND)
    return found[sorted(found)[-2]]


def template_of(replica_set: Mapping[str, Any]) -> Plain:
    """The pod template of a revision, without the label that the controller added."""
    template: Plain = replica_set["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def undo_patch(deployment: Mapping[str, Any], replica_set: Mapping[str, Any]) -> list[Plain]:
    """The JSON patch that brings a revision's template back; empty when it is the current one.

    It fails on the server when somebody has changed the Deployment meanwhile.
    """
    template = template_of(replica_set)
    if same(template, deployment["spec"]["template"]):
        return []
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": deployment["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]


def restart_patch(now: str) -> Plain:
    """The strategic merge patch that starts all pods anew; ``now`` is RFC 3339."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
