"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import meta_v1
from k3py.model.struct import (
    Int32,
    Int64,
    IntOrString,
    Quantity,
    Wire,
    empty_dict,
    empty_list,
    empty_string,
    false,
    null,
    wire,
    zero_int,
    zero_quantity,
)


class NamespaceSpec(Wire):
    """io.k8s.api.core.v1.NamespaceSpec"""

    finalizers: list[str] = []


class NamespaceCondition(Wire):
    """io.k8s.api.core.v1.NamespaceCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class NamespaceStatus(Wire):
    """io.k8s.api.core.v1.NamespaceStatus"""

    phase: str = ""
    conditions: list[NamespaceCondition] = []


class Namespace(Wire):
    """io.k8s.api.core.v1.Namespace"""

    kind: str = field(default_factory=lambda: "Namespace")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: NamespaceSpec = field(default_factory=NamespaceSpec)
    status: NamespaceStatus = field(default_factory=NamespaceStatus)


class Taint(Wire):
    """io.k8s.api.core.v1.Taint"""

    key: str = field(default_factory=empty_string)
    value: str = ""
    effect: str = field(default_factory=empty_string)
    time_added: str | None = None


class ConfigMapNodeConfigSource(Wire):
    """io.k8s.api.core.v1.ConfigMapNodeConfigSource"""

    namespace: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    uid: str = ""
    resource_version: str = ""
    kubelet_config_key: str = field(default_factory=empty_string)


class NodeConfigSource(Wire):
    """io.k8s.api.core.v1.NodeConfigSource"""

    config_map: ConfigMapNodeConfigSource | None = None


class NodeSpec(
    Wire, rename=wire(pod_cidr="podCIDR", pod_cidrs="podCIDRs", provider_id="providerID", external_id="externalID")
):
    """io.k8s.api.core.v1.NodeSpec"""

    pod_cidr: str = ""
    pod_cidrs: list[str] = []
    provider_id: str = ""
    unschedulable: bool = False
    taints: list[Taint] = []
    config_source: NodeConfigSource | None = None
    external_id: str = ""


class NodeCondition(Wire):
    """io.k8s.api.core.v1.NodeCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_heartbeat_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class NodeAddress(Wire):
    """io.k8s.api.core.v1.NodeAddress"""

    type: str = field(default_factory=empty_string)
    address: str = field(default_factory=empty_string)


class DaemonEndpoint(Wire, rename=wire(port="Port")):
    """io.k8s.api.core.v1.DaemonEndpoint"""

    port: Int32 = field(default_factory=zero_int)


class NodeDaemonEndpoints(Wire):
    """io.k8s.api.core.v1.NodeDaemonEndpoints"""

    kubelet_endpoint: DaemonEndpoint = field(default_factory=DaemonEndpoint)


class NodeSwapStatus(Wire):
    """io.k8s.api.core.v1.NodeSwapStatus"""

    capacity: Int64 | None = None


class NodeSystemInfo(Wire, rename=wire(machine_id="machineID", system_uuid="systemUUID", boot_id="bootID")):
    """io.k8s.api.core.v1.NodeSystemInfo"""

    machine_id: str = field(default_factory=empty_string)
    system_uuid: str = field(default_factory=empty_string)
    boot_id: str = field(default_factory=empty_string)
    kernel_version: str = field(default_factory=empty_string)
    os_image: str = field(default_factory=empty_string)
    container_runtime_version: str = field(default_factory=empty_string)
    kubelet_version: str = field(default_factory=empty_string)
    kube_proxy_version: str = field(default_factory=empty_string)
    operating_system: str = field(default_factory=empty_string)
    architecture: str = field(default_factory=empty_string)
    swap: NodeSwapStatus | None = None


class ContainerImage(Wire):
    """io.k8s.api.core.v1.ContainerImage"""

    names: list[str] = field(default_factory=empty_list)
    size_bytes: Int64 = 0


class AttachedVolume(Wire):
    """io.k8s.api.core.v1.AttachedVolume"""

    name: str = field(default_factory=empty_string)
    device_path: str = field(default_factory=empty_string)


class NodeConfigStatus(Wire):
    """io.k8s.api.core.v1.NodeConfigStatus"""

    assigned: NodeConfigSource | None = None
    active: NodeConfigSource | None = None
    last_known_good: NodeConfigSource | None = None
    error: str = ""


class NodeRuntimeHandlerFeatures(Wire):
    """io.k8s.api.core.v1.NodeRuntimeHandlerFeatures"""

    recursive_read_only_mounts: bool | None = None
    user_namespaces: bool | None = None


class NodeRuntimeHandler(Wire):
    """io.k8s.api.core.v1.NodeRuntimeHandler"""

    name: str = field(default_factory=empty_string)
    features: NodeRuntimeHandlerFeatures | None = None


class NodeFeatures(Wire):
    """io.k8s.api.core.v1.NodeFeatures"""

    supplemental_groups_policy: bool | None = None


class NodeStatus(Wire):
    """io.k8s.api.core.v1.NodeStatus"""

    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    phase: str = ""
    conditions: list[NodeCondition] = []
    addresses: list[NodeAddress] = []
    daemon_endpoints: NodeDaemonEndpoints = field(default_factory=NodeDaemonEndpoints)
    node_info: NodeSystemInfo = field(default_factory=NodeSystemInfo)
    images: list[ContainerImage] = []
    volumes_in_use: list[str] = []
    volumes_attached: list[AttachedVolume] = []
    config: NodeConfigStatus | None = None
    runtime_handlers: list[NodeRuntimeHandler] = []
    features: NodeFeatures | None = None
    declared_features: list[str] = []


class Node(Wire):
    """io.k8s.api.core.v1.Node"""

    kind: str = field(default_factory=lambda: "Node")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class HostPathVolumeSource(Wire):
    """io.k8s.api.core.v1.HostPathVolumeSource"""

    path: str = field(default_factory=empty_string)
    type: str | None = None


class EmptyDirVolumeSource(Wire):
    """io.k8s.api.core.v1.EmptyDirVolumeSource"""

    medium: str = ""
    size_limit: Quantity | None = None


class GCEPersistentDiskVolumeSource(Wire):
    """io.k8s.api.core.v1.GCEPersistentDiskVolumeSource"""

    pd_name: str = field(default_factory=empty_string)
    fs_type: str = ""
    partition: Int32 = 0
    read_only: bool = False


class AWSElasticBlockStoreVolumeSource(Wire, rename=wire(volume_id="volumeID")):
    """io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource"""

    volume_id: str = field(default_factory=empty_string)
    fs_type: str = ""
    partition: Int32 = 0
    read_only: bool = False


class GitRepoVolumeSource(Wire):
    """io.k8s.api.core.v1.GitRepoVolumeSource"""

    repository: str = field(default_factory=empty_string)
    revision: str = ""
    directory: str = ""


class KeyToPath(Wire):
    """io.k8s.api.core.v1.KeyToPath"""

    key: str = field(default_factory=empty_string)
    path: str = field(default_factory=empty_string)
    mode: Int32 | None = None


class SecretVolumeSource(Wire):
    """io.k8s.api.core.v1.SecretVolumeSource"""

    secret_name: str = ""
    items: list[KeyToPath] = []
    default_mode: Int32 | None = None
    optional: bool | None = None


class NFSVolumeSource(Wire):
    """io.k8s.api.core.v1.NFSVolumeSource"""

    server: str = field(default_factory=empty_string)
    path: str = field(default_factory=empty_string)
    read_only: bool = False


class LocalObjectReference(Wire):
    """io.k8s.api.core.v1.LocalObjectReference"""

    name: str = ""


class ISCSIVolumeSource(Wire):
    """io.k8s.api.core.v1.ISCSIVolumeSource"""

    target_portal: str = field(default_factory=empty_string)
    iqn: str = field(default_factory=empty_string)
    lun: Int32 = field(default_factory=zero_int)
    iscsi_interface: str = ""
    fs_type: str = ""
    read_only: bool = False
    portals: list[str] = []
    chap_auth_discovery: bool = False
    chap_auth_session: bool = False
    secret_ref: LocalObjectReference | None = None
    initiator_name: str | None = None


class GlusterfsVolumeSource(Wire):
    """io.k8s.api.core.v1.GlusterfsVolumeSource"""

    endpoints: str = field(default_factory=empty_string)
    path: str = field(default_factory=empty_string)
    read_only: bool = False


class PersistentVolumeClaimVolumeSource(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource"""

    claim_name: str = field(default_factory=empty_string)
    read_only: bool = False


class RBDVolumeSource(Wire):
    """io.k8s.api.core.v1.RBDVolumeSource"""

    monitors: list[str] = field(default_factory=empty_list)
    image: str = field(default_factory=empty_string)
    fs_type: str = ""
    pool: str = ""
    user: str = ""
    keyring: str = ""
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False


class FlexVolumeSource(Wire):
    """io.k8s.api.core.v1.FlexVolumeSource"""

    driver: str = field(default_factory=empty_string)
    fs_type: str = ""
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False
    options: dict[str, str] = {}


class CinderVolumeSource(Wire, rename=wire(volume_id="volumeID")):
    """io.k8s.api.core.v1.CinderVolumeSource"""

    volume_id: str = field(default_factory=empty_string)
    fs_type: str = ""
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None


class CephFSVolumeSource(Wire):
    """io.k8s.api.core.v1.CephFSVolumeSource"""

    monitors: list[str] = field(default_factory=empty_list)
    path: str = ""
    user: str = ""
    secret_file: str = ""
    secret_ref: LocalObjectReference | None = None
    read_only: bool = False


class FlockerVolumeSource(Wire, rename=wire(dataset_uuid="datasetUUID")):
    """io.k8s.api.core.v1.FlockerVolumeSource"""

    dataset_name: str = ""
    dataset_uuid: str = ""


class ObjectFieldSelector(Wire):
    """io.k8s.api.core.v1.ObjectFieldSelector"""

    api_version: str = ""
    field_path: str = field(default_factory=empty_string)


class ResourceFieldSelector(Wire):
    """io.k8s.api.core.v1.ResourceFieldSelector"""

    container_name: str = ""
    resource: str = field(default_factory=empty_string)
    divisor: Quantity = field(default_factory=zero_quantity)


class DownwardAPIVolumeFile(Wire):
    """io.k8s.api.core.v1.DownwardAPIVolumeFile"""

    path: str = field(default_factory=empty_string)
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: Int32 | None = None


class DownwardAPIVolumeSource(Wire):
    """io.k8s.api.core.v1.DownwardAPIVolumeSource"""

    items: list[DownwardAPIVolumeFile] = []
    default_mode: Int32 | None = None


class FCVolumeSource(Wire, rename=wire(target_wwns="targetWWNs")):
    """io.k8s.api.core.v1.FCVolumeSource"""

    target_wwns: list[str] = []
    lun: Int32 | None = None
    fs_type: str = ""
    read_only: bool = False
    wwids: list[str] = []


class AzureFileVolumeSource(Wire):
    """io.k8s.api.core.v1.AzureFileVolumeSource"""

    secret_name: str = field(default_factory=empty_string)
    share_name: str = field(default_factory=empty_string)
    read_only: bool = False


class ConfigMapVolumeSource(Wire):
    """io.k8s.api.core.v1.ConfigMapVolumeSource"""

    name: str = ""
    items: list[KeyToPath] = []
    default_mode: Int32 | None = None
    optional: bool | None = None


class VsphereVirtualDiskVolumeSource(Wire, rename=wire(storage_policy_id="storagePolicyID")):
    """io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource"""

    volume_path: str = field(default_factory=empty_string)
    fs_type: str = ""
    storage_policy_name: str = ""
    storage_policy_id: str = ""


class QuobyteVolumeSource(Wire):
    """io.k8s.api.core.v1.QuobyteVolumeSource"""

    registry: str = field(default_factory=empty_string)
    volume: str = field(default_factory=empty_string)
    read_only: bool = False
    user: str = ""
    group: str = ""
    tenant: str = ""


class AzureDiskVolumeSource(Wire, rename=wire(disk_uri="diskURI")):
    """io.k8s.api.core.v1.AzureDiskVolumeSource"""

    disk_name: str = field(default_factory=empty_string)
    disk_uri: str = field(default_factory=empty_string)
    caching_mode: str | None = None
    fs_type: str | None = None
    read_only: bool | None = None
    kind: str | None = None


class PhotonPersistentDiskVolumeSource(Wire, rename=wire(pd_id="pdID")):
    """io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource"""

    pd_id: str = field(default_factory=empty_string)
    fs_type: str = ""


class SecretProjection(Wire):
    """io.k8s.api.core.v1.SecretProjection"""

    name: str = ""
    items: list[KeyToPath] = []
    optional: bool | None = None


class DownwardAPIProjection(Wire):
    """io.k8s.api.core.v1.DownwardAPIProjection"""

    items: list[DownwardAPIVolumeFile] = []


class ConfigMapProjection(Wire):
    """io.k8s.api.core.v1.ConfigMapProjection"""

    name: str = ""
    items: list[KeyToPath] = []
    optional: bool | None = None


class ServiceAccountTokenProjection(Wire):
    """io.k8s.api.core.v1.ServiceAccountTokenProjection"""

    audience: str = ""
    expiration_seconds: Int64 | None = None
    path: str = field(default_factory=empty_string)


class ClusterTrustBundleProjection(Wire):
    """io.k8s.api.core.v1.ClusterTrustBundleProjection"""

    name: str | None = None
    signer_name: str | None = None
    label_selector: meta_v1.LabelSelector | None = None
    optional: bool | None = None
    path: str = field(default_factory=empty_string)


class PodCertificateProjection(Wire):
    """io.k8s.api.core.v1.PodCertificateProjection"""

    signer_name: str = ""
    key_type: str = ""
    max_expiration_seconds: Int32 | None = None
    credential_bundle_path: str = ""
    key_path: str = ""
    certificate_chain_path: str = ""
    user_annotations: dict[str, str] = {}


class VolumeProjection(Wire, rename=wire(downward_api="downwardAPI")):
    """io.k8s.api.core.v1.VolumeProjection"""

    secret: SecretProjection | None = None
    downward_api: DownwardAPIProjection | None = None
    config_map: ConfigMapProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None
    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    pod_certificate: PodCertificateProjection | None = None


class ProjectedVolumeSource(Wire):
    """io.k8s.api.core.v1.ProjectedVolumeSource"""

    sources: list[VolumeProjection] = field(default_factory=empty_list)
    default_mode: Int32 | None = None


class PortworxVolumeSource(Wire, rename=wire(volume_id="volumeID")):
    """io.k8s.api.core.v1.PortworxVolumeSource"""

    volume_id: str = field(default_factory=empty_string)
    fs_type: str = ""
    read_only: bool = False


class ScaleIOVolumeSource(Wire):
    """io.k8s.api.core.v1.ScaleIOVolumeSource"""

    gateway: str = field(default_factory=empty_string)
    system: str = field(default_factory=empty_string)
    secret_ref: LocalObjectReference | None = field(default_factory=null)
    ssl_enabled: bool = False
    protection_domain: str = ""
    storage_pool: str = ""
    storage_mode: str = ""
    volume_name: str = ""
    fs_type: str = ""
    read_only: bool = False


class StorageOSVolumeSource(Wire):
    """io.k8s.api.core.v1.StorageOSVolumeSource"""

    volume_name: str = ""
    volume_namespace: str = ""
    fs_type: str = ""
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None


class CSIVolumeSource(Wire):
    """io.k8s.api.core.v1.CSIVolumeSource"""

    driver: str = field(default_factory=empty_string)
    read_only: bool | None = None
    fs_type: str | None = None
    volume_attributes: dict[str, str] = {}
    node_publish_secret_ref: LocalObjectReference | None = None


class VolumeResourceRequirements(Wire):
    """io.k8s.api.core.v1.VolumeResourceRequirements"""

    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class TypedLocalObjectReference(Wire):
    """io.k8s.api.core.v1.TypedLocalObjectReference"""

    api_group: str | None = field(default_factory=null)
    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)


class TypedObjectReference(Wire):
    """io.k8s.api.core.v1.TypedObjectReference"""

    api_group: str | None = field(default_factory=null)
    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    namespace: str | None = None


class PersistentVolumeClaimSpec(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaimSpec"""

    access_modes: list[str] = []
    selector: meta_v1.LabelSelector | None = None
    resources: VolumeResourceRequirements = field(default_factory=VolumeResourceRequirements)
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str | None = None
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimTemplate(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaimTemplate"""

    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PersistentVolumeClaimSpec = field(default_factory=PersistentVolumeClaimSpec)


class EphemeralVolumeSource(Wire):
    """io.k8s.api.core.v1.EphemeralVolumeSource"""

    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class ImageVolumeSource(Wire):
    """io.k8s.api.core.v1.ImageVolumeSource"""

    reference: str = ""
    pull_policy: str = ""


class VolumeSource(Wire, rename=wire(downward_api="downwardAPI", scale_io="scaleIO")):
    """io.k8s.api.core.v1.VolumeSource"""

    host_path: HostPathVolumeSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    git_repo: GitRepoVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    glusterfs: GlusterfsVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    rbd: RBDVolumeSource | None = None
    flex_volume: FlexVolumeSource | None = None
    cinder: CinderVolumeSource | None = None
    cephfs: CephFSVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = None
    fc: FCVolumeSource | None = None
    azure_file: AzureFileVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    scale_io: ScaleIOVolumeSource | None = None
    storageos: StorageOSVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    image: ImageVolumeSource | None = None


class Volume(Wire, rename=wire(downward_api="downwardAPI", scale_io="scaleIO")):
    """io.k8s.api.core.v1.Volume"""

    name: str = field(default_factory=empty_string)
    host_path: HostPathVolumeSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    git_repo: GitRepoVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    glusterfs: GlusterfsVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    rbd: RBDVolumeSource | None = None
    flex_volume: FlexVolumeSource | None = None
    cinder: CinderVolumeSource | None = None
    cephfs: CephFSVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = None
    fc: FCVolumeSource | None = None
    azure_file: AzureFileVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    scale_io: ScaleIOVolumeSource | None = None
    storageos: StorageOSVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    image: ImageVolumeSource | None = None


class ContainerPort(Wire, rename=wire(host_ip="hostIP")):
    """io.k8s.api.core.v1.ContainerPort"""

    name: str = ""
    host_port: Int32 = 0
    container_port: Int32 = field(default_factory=zero_int)
    protocol: str = ""
    host_ip: str = ""


class ConfigMapEnvSource(Wire):
    """io.k8s.api.core.v1.ConfigMapEnvSource"""

    name: str = ""
    optional: bool | None = None


class SecretEnvSource(Wire):
    """io.k8s.api.core.v1.SecretEnvSource"""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Wire):
    """io.k8s.api.core.v1.EnvFromSource"""

    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None
    secret_ref: SecretEnvSource | None = None


class ConfigMapKeySelector(Wire):
    """io.k8s.api.core.v1.ConfigMapKeySelector"""

    name: str = ""
    key: str = field(default_factory=empty_string)
    optional: bool | None = None


class SecretKeySelector(Wire):
    """io.k8s.api.core.v1.SecretKeySelector"""

    name: str = ""
    key: str = field(default_factory=empty_string)
    optional: bool | None = None


class FileKeySelector(Wire):
    """io.k8s.api.core.v1.FileKeySelector"""

    volume_name: str = field(default_factory=empty_string)
    path: str = field(default_factory=empty_string)
    key: str = field(default_factory=empty_string)
    optional: bool | None = None


class EnvVarSource(Wire):
    """io.k8s.api.core.v1.EnvVarSource"""

    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None
    file_key_ref: FileKeySelector | None = None


class EnvVar(Wire):
    """io.k8s.api.core.v1.EnvVar"""

    name: str = field(default_factory=empty_string)
    value: str = ""
    value_from: EnvVarSource | None = None


class ResourceClaim(Wire):
    """io.k8s.api.core.v1.ResourceClaim"""

    name: str = field(default_factory=empty_string)
    request: str = ""


class ResourceRequirements(Wire):
    """io.k8s.api.core.v1.ResourceRequirements"""

    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}
    claims: list[ResourceClaim] = []


class ContainerResizePolicy(Wire):
    """io.k8s.api.core.v1.ContainerResizePolicy"""

    resource_name: str = field(default_factory=empty_string)
    restart_policy: str = field(default_factory=empty_string)


class ContainerRestartRuleOnExitCodes(Wire):
    """io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes"""

    operator: str = ""
    values: list[Int32] = []


class ContainerRestartRule(Wire):
    """io.k8s.api.core.v1.ContainerRestartRule"""

    action: str = ""
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class VolumeMount(Wire):
    """io.k8s.api.core.v1.VolumeMount"""

    name: str = field(default_factory=empty_string)
    read_only: bool = False
    recursive_read_only: str | None = None
    mount_path: str = field(default_factory=empty_string)
    sub_path: str = ""
    mount_propagation: str | None = None
    sub_path_expr: str = ""


class VolumeDevice(Wire):
    """io.k8s.api.core.v1.VolumeDevice"""

    name: str = field(default_factory=empty_string)
    device_path: str = field(default_factory=empty_string)


class ExecAction(Wire):
    """io.k8s.api.core.v1.ExecAction"""

    command: list[str] = []


class HTTPHeader(Wire):
    """io.k8s.api.core.v1.HTTPHeader"""

    name: str = field(default_factory=empty_string)
    value: str = field(default_factory=empty_string)


class HTTPGetAction(Wire):
    """io.k8s.api.core.v1.HTTPGetAction"""

    path: str = ""
    port: IntOrString = field(default_factory=zero_int)
    host: str = ""
    scheme: str = ""
    http_headers: list[HTTPHeader] = []


class TCPSocketAction(Wire):
    """io.k8s.api.core.v1.TCPSocketAction"""

    port: IntOrString = field(default_factory=zero_int)
    host: str = ""


class GRPCAction(Wire):
    """io.k8s.api.core.v1.GRPCAction"""

    port: Int32 = field(default_factory=zero_int)
    service: str | None = field(default_factory=null)


class ProbeHandler(Wire):
    """io.k8s.api.core.v1.ProbeHandler"""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None


class Probe(Wire):
    """io.k8s.api.core.v1.Probe"""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: Int32 = 0
    timeout_seconds: Int32 = 0
    period_seconds: Int32 = 0
    success_threshold: Int32 = 0
    failure_threshold: Int32 = 0
    termination_grace_period_seconds: Int64 | None = None


class SleepAction(Wire):
    """io.k8s.api.core.v1.SleepAction"""

    seconds: Int64 = field(default_factory=zero_int)


class LifecycleHandler(Wire):
    """io.k8s.api.core.v1.LifecycleHandler"""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Wire):
    """io.k8s.api.core.v1.Lifecycle"""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class Capabilities(Wire):
    """io.k8s.api.core.v1.Capabilities"""

    add: list[str] = []
    drop: list[str] = []


class SELinuxOptions(Wire):
    """io.k8s.api.core.v1.SELinuxOptions"""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class WindowsSecurityContextOptions(Wire):
    """io.k8s.api.core.v1.WindowsSecurityContextOptions"""

    gmsa_credential_spec_name: str | None = None
    gmsa_credential_spec: str | None = None
    run_as_user_name: str | None = None
    host_process: bool | None = None


class SeccompProfile(Wire):
    """io.k8s.api.core.v1.SeccompProfile"""

    type: str = field(default_factory=empty_string)
    localhost_profile: str | None = None


class AppArmorProfile(Wire):
    """io.k8s.api.core.v1.AppArmorProfile"""

    type: str = field(default_factory=empty_string)
    localhost_profile: str | None = None


class SecurityContext(Wire):
    """io.k8s.api.core.v1.SecurityContext"""

    capabilities: Capabilities | None = None
    privileged: bool | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsSecurityContextOptions | None = None
    run_as_user: Int64 | None = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: str | None = None
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None


class Container(Wire):
    """io.k8s.api.core.v1.Container"""

    name: str = field(default_factory=empty_string)
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    ports: list[ContainerPort] = []
    env_from: list[EnvFromSource] = []
    env: list[EnvVar] = []
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    resize_policy: list[ContainerResizePolicy] = []
    restart_policy: str | None = None
    restart_policy_rules: list[ContainerRestartRule] = []
    volume_mounts: list[VolumeMount] = []
    volume_devices: list[VolumeDevice] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class EphemeralContainerCommon(Wire):
    """io.k8s.api.core.v1.EphemeralContainerCommon"""

    name: str = field(default_factory=empty_string)
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    ports: list[ContainerPort] = []
    env_from: list[EnvFromSource] = []
    env: list[EnvVar] = []
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    resize_policy: list[ContainerResizePolicy] = []
    restart_policy: str | None = None
    restart_policy_rules: list[ContainerRestartRule] = []
    volume_mounts: list[VolumeMount] = []
    volume_devices: list[VolumeDevice] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class EphemeralContainer(Wire):
    """io.k8s.api.core.v1.EphemeralContainer"""

    name: str = field(default_factory=empty_string)
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    ports: list[ContainerPort] = []
    env_from: list[EnvFromSource] = []
    env: list[EnvVar] = []
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    resize_policy: list[ContainerResizePolicy] = []
    restart_policy: str | None = None
    restart_policy_rules: list[ContainerRestartRule] = []
    volume_mounts: list[VolumeMount] = []
    volume_devices: list[VolumeDevice] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    target_container_name: str = ""


class Sysctl(Wire):
    """io.k8s.api.core.v1.Sysctl"""

    name: str = field(default_factory=empty_string)
    value: str = field(default_factory=empty_string)


class PodSecurityContext(Wire):
    """io.k8s.api.core.v1.PodSecurityContext"""

    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsSecurityContextOptions | None = None
    run_as_user: Int64 | None = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: list[Int64] = []
    supplemental_groups_policy: str | None = None
    fs_group: Int64 | None = None
    sysctls: list[Sysctl] = []
    fs_group_change_policy: str | None = None
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_change_policy: str | None = None


class NodeSelectorRequirement(Wire):
    """io.k8s.api.core.v1.NodeSelectorRequirement"""

    key: str = field(default_factory=empty_string)
    operator: str = field(default_factory=empty_string)
    values: list[str] = []


class NodeSelectorTerm(Wire):
    """io.k8s.api.core.v1.NodeSelectorTerm"""

    match_expressions: list[NodeSelectorRequirement] = []
    match_fields: list[NodeSelectorRequirement] = []


class NodeSelector(Wire):
    """io.k8s.api.core.v1.NodeSelector"""

    node_selector_terms: list[NodeSelectorTerm] = field(default_factory=empty_list)


class PreferredSchedulingTerm(Wire):
    """io.k8s.api.core.v1.PreferredSchedulingTerm"""

    weight: Int32 = field(default_factory=zero_int)
    preference: NodeSelectorTerm = field(default_factory=NodeSelectorTerm)


class NodeAffinity(Wire):
    """io.k8s.api.core.v1.NodeAffinity"""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = []


class PodAffinityTerm(Wire):
    """io.k8s.api.core.v1.PodAffinityTerm"""

    label_selector: meta_v1.LabelSelector | None = None
    namespaces: list[str] = []
    topology_key: str = field(default_factory=empty_string)
    namespace_selector: meta_v1.LabelSelector | None = None
    match_label_keys: list[str] = []
    mismatch_label_keys: list[str] = []


class WeightedPodAffinityTerm(Wire):
    """io.k8s.api.core.v1.WeightedPodAffinityTerm"""

    weight: Int32 = field(default_factory=zero_int)
    pod_affinity_term: PodAffinityTerm = field(default_factory=PodAffinityTerm)


class PodAffinity(Wire):
    """io.k8s.api.core.v1.PodAffinity"""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = []
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = []


class PodAntiAffinity(Wire):
    """io.k8s.api.core.v1.PodAntiAffinity"""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = []
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = []


class Affinity(Wire):
    """io.k8s.api.core.v1.Affinity"""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class Toleration(Wire):
    """io.k8s.api.core.v1.Toleration"""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: Int64 | None = None


class HostAlias(Wire):
    """io.k8s.api.core.v1.HostAlias"""

    ip: str = field(default_factory=empty_string)
    hostnames: list[str] = []


class PodDNSConfigOption(Wire):
    """io.k8s.api.core.v1.PodDNSConfigOption"""

    name: str = ""
    value: str | None = None


class PodDNSConfig(Wire):
    """io.k8s.api.core.v1.PodDNSConfig"""

    nameservers: list[str] = []
    searches: list[str] = []
    options: list[PodDNSConfigOption] = []


class PodReadinessGate(Wire):
    """io.k8s.api.core.v1.PodReadinessGate"""

    condition_type: str = field(default_factory=empty_string)


class TopologySpreadConstraint(Wire):
    """io.k8s.api.core.v1.TopologySpreadConstraint"""

    max_skew: Int32 = field(default_factory=zero_int)
    topology_key: str = field(default_factory=empty_string)
    when_unsatisfiable: str = field(default_factory=empty_string)
    label_selector: meta_v1.LabelSelector | None = None
    min_domains: Int32 | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: list[str] = []


class PodOS(Wire):
    """io.k8s.api.core.v1.PodOS"""

    name: str = field(default_factory=empty_string)


class PodSchedulingGate(Wire):
    """io.k8s.api.core.v1.PodSchedulingGate"""

    name: str = field(default_factory=empty_string)


class PodResourceClaim(Wire):
    """io.k8s.api.core.v1.PodResourceClaim"""

    name: str = field(default_factory=empty_string)
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSchedulingGroup(Wire):
    """io.k8s.api.core.v1.PodSchedulingGroup"""

    pod_group_name: str | None = None


class PodSpec(Wire, rename=wire(host_pid="hostPID", host_ipc="hostIPC", set_hostname_as_fqdn="setHostnameAsFQDN")):
    """io.k8s.api.core.v1.PodSpec"""

    volumes: list[Volume] = []
    init_containers: list[Container] = []
    containers: list[Container] = field(default_factory=empty_list)
    ephemeral_containers: list[EphemeralContainer] = []
    restart_policy: str = ""
    termination_grace_period_seconds: Int64 | None = None
    active_deadline_seconds: Int64 | None = None
    dns_policy: str = ""
    node_selector: dict[str, str] = {}
    service_account_name: str = ""
    service_account: str = ""
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: list[LocalObjectReference] = []
    hostname: str = ""
    subdomain: str = ""
    affinity: Affinity | None = None
    scheduler_name: str = ""
    tolerations: list[Toleration] = []
    host_aliases: list[HostAlias] = []
    priority_class_name: str = ""
    priority: Int32 | None = None
    dns_config: PodDNSConfig | None = None
    readiness_gates: list[PodReadinessGate] = []
    runtime_class_name: str | None = None
    enable_service_links: bool | None = None
    preemption_policy: str | None = None
    overhead: dict[str, Quantity] = {}
    topology_spread_constraints: list[TopologySpreadConstraint] = []
    set_hostname_as_fqdn: bool | None = None
    os: PodOS | None = None
    host_users: bool | None = None
    scheduling_gates: list[PodSchedulingGate] = []
    resource_claims: list[PodResourceClaim] = []
    resources: ResourceRequirements | None = None
    hostname_override: str | None = None
    scheduling_group: PodSchedulingGroup | None = None


class PodCondition(Wire):
    """io.k8s.api.core.v1.PodCondition"""

    type: str = field(default_factory=empty_string)
    observed_generation: Int64 = 0
    status: str = field(default_factory=empty_string)
    last_probe_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class HostIP(Wire):
    """io.k8s.api.core.v1.HostIP"""

    ip: str = field(default_factory=empty_string)


class PodIP(Wire):
    """io.k8s.api.core.v1.PodIP"""

    ip: str = field(default_factory=empty_string)


class ContainerStateWaiting(Wire):
    """io.k8s.api.core.v1.ContainerStateWaiting"""

    reason: str = ""
    message: str = ""


class ContainerStateRunning(Wire):
    """io.k8s.api.core.v1.ContainerStateRunning"""

    started_at: str | None = field(default_factory=null)


class ContainerStateTerminated(Wire, rename=wire(container_id="containerID")):
    """io.k8s.api.core.v1.ContainerStateTerminated"""

    exit_code: Int32 = field(default_factory=zero_int)
    signal: Int32 = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = field(default_factory=null)
    finished_at: str | None = field(default_factory=null)
    container_id: str = ""


class ContainerState(Wire):
    """io.k8s.api.core.v1.ContainerState"""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ImageVolumeStatus(Wire):
    """io.k8s.api.core.v1.ImageVolumeStatus"""

    image_ref: str = ""


class VolumeStatus(Wire):
    """io.k8s.api.core.v1.VolumeStatus"""

    image: ImageVolumeStatus | None = None


class VolumeMountStatus(Wire):
    """io.k8s.api.core.v1.VolumeMountStatus"""

    name: str = field(default_factory=empty_string)
    mount_path: str = field(default_factory=empty_string)
    read_only: bool = False
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class LinuxContainerUser(Wire):
    """io.k8s.api.core.v1.LinuxContainerUser"""

    uid: Int64 = field(default_factory=zero_int)
    gid: Int64 = field(default_factory=zero_int)
    supplemental_groups: list[Int64] = []


class ContainerUser(Wire):
    """io.k8s.api.core.v1.ContainerUser"""

    linux: LinuxContainerUser | None = None


class ResourceHealth(Wire, rename=wire(resource_id="resourceID")):
    """io.k8s.api.core.v1.ResourceHealth"""

    resource_id: str = field(default_factory=empty_string)
    health: str = ""
    message: str | None = None


class ResourceStatus(Wire):
    """io.k8s.api.core.v1.ResourceStatus"""

    name: str = field(default_factory=empty_string)
    resources: list[ResourceHealth] = []


class ContainerStatus(Wire, rename=wire(image_id="imageID", container_id="containerID")):
    """io.k8s.api.core.v1.ContainerStatus"""

    name: str = field(default_factory=empty_string)
    state: ContainerState = field(default_factory=ContainerState)
    last_state: ContainerState = field(default_factory=ContainerState)
    ready: bool = field(default_factory=false)
    restart_count: Int32 = field(default_factory=zero_int)
    image: str = field(default_factory=empty_string)
    image_id: str = field(default_factory=empty_string)
    container_id: str = ""
    started: bool | None = None
    allocated_resources: dict[str, Quantity] = {}
    resources: ResourceRequirements | None = None
    volume_mounts: list[VolumeMountStatus] = []
    user: ContainerUser | None = None
    allocated_resources_status: list[ResourceStatus] = []
    stop_signal: str | None = None


class PodResourceClaimStatus(Wire):
    """io.k8s.api.core.v1.PodResourceClaimStatus"""

    name: str = field(default_factory=empty_string)
    resource_claim_name: str | None = None


class ContainerExtendedResourceRequest(Wire):
    """io.k8s.api.core.v1.ContainerExtendedResourceRequest"""

    container_name: str = field(default_factory=empty_string)
    resource_name: str = field(default_factory=empty_string)
    request_name: str = field(default_factory=empty_string)


class PodExtendedResourceClaimStatus(Wire):
    """io.k8s.api.core.v1.PodExtendedResourceClaimStatus"""

    request_mappings: list[ContainerExtendedResourceRequest] = field(default_factory=empty_list)
    resource_claim_name: str = field(default_factory=empty_string)


class NodeAllocatableResourceClaimStatus(Wire):
    """io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus"""

    resource_claim_name: str = field(default_factory=empty_string)
    containers: list[str] = []
    resources: dict[str, Quantity] = field(default_factory=empty_dict)


class PodStatus(Wire, rename=wire(host_ip="hostIP", host_ips="hostIPs", pod_ip="podIP", pod_ips="podIPs")):
    """io.k8s.api.core.v1.PodStatus"""

    observed_generation: Int64 = 0
    phase: str = ""
    conditions: list[PodCondition] = []
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = ""
    host_ips: list[HostIP] = []
    pod_ip: str = ""
    pod_ips: list[PodIP] = []
    start_time: str | None = None
    init_container_statuses: list[ContainerStatus] = []
    container_statuses: list[ContainerStatus] = []
    qos_class: str = ""
    ephemeral_container_statuses: list[ContainerStatus] = []
    resize: str = ""
    resource_claim_statuses: list[PodResourceClaimStatus] = []
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = None
    allocated_resources: dict[str, Quantity] = {}
    resources: ResourceRequirements | None = None
    node_allocatable_resource_claim_statuses: list[NodeAllocatableResourceClaimStatus] = []


class Pod(Wire):
    """io.k8s.api.core.v1.Pod"""

    kind: str = field(default_factory=lambda: "Pod")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)


class ServicePort(Wire):
    """io.k8s.api.core.v1.ServicePort"""

    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    port: Int32 = field(default_factory=zero_int)
    target_port: IntOrString = field(default_factory=zero_int)
    node_port: Int32 = 0


class ClientIPConfig(Wire):
    """io.k8s.api.core.v1.ClientIPConfig"""

    timeout_seconds: Int32 | None = None


class SessionAffinityConfig(Wire, rename=wire(client_ip="clientIP")):
    """io.k8s.api.core.v1.SessionAffinityConfig"""

    client_ip: ClientIPConfig | None = None


class ServiceSpec(
    Wire,
    rename=wire(
        cluster_ip="clusterIP", cluster_ips="clusterIPs", external_ips="externalIPs", load_balancer_ip="loadBalancerIP"
    ),
):
    """io.k8s.api.core.v1.ServiceSpec"""

    ports: list[ServicePort] = []
    selector: dict[str, str] = {}
    cluster_ip: str = ""
    cluster_ips: list[str] = []
    type: str = ""
    external_ips: list[str] = []
    session_affinity: str = ""
    load_balancer_ip: str = ""
    load_balancer_source_ranges: list[str] = []
    external_name: str = ""
    external_traffic_policy: str = ""
    health_check_node_port: Int32 = 0
    publish_not_ready_addresses: bool = False
    session_affinity_config: SessionAffinityConfig | None = None
    ip_families: list[str] = []
    ip_family_policy: str | None = None
    allocate_load_balancer_node_ports: bool | None = None
    load_balancer_class: str | None = None
    internal_traffic_policy: str | None = None
    traffic_distribution: str | None = None


class PortStatus(Wire):
    """io.k8s.api.core.v1.PortStatus"""

    port: Int32 = field(default_factory=zero_int)
    protocol: str = field(default_factory=empty_string)
    error: str | None = None


class LoadBalancerIngress(Wire):
    """io.k8s.api.core.v1.LoadBalancerIngress"""

    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None
    ports: list[PortStatus] = []


class LoadBalancerStatus(Wire):
    """io.k8s.api.core.v1.LoadBalancerStatus"""

    ingress: list[LoadBalancerIngress] = []


class ServiceStatus(Wire):
    """io.k8s.api.core.v1.ServiceStatus"""

    load_balancer: LoadBalancerStatus = field(default_factory=LoadBalancerStatus)
    conditions: list[meta_v1.Condition] = []


class Service(Wire):
    """io.k8s.api.core.v1.Service"""

    kind: str = field(default_factory=lambda: "Service")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)


class ObjectReference(Wire):
    """io.k8s.api.core.v1.ObjectReference"""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class EndpointAddress(Wire):
    """io.k8s.api.core.v1.EndpointAddress"""

    ip: str = field(default_factory=empty_string)
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Wire):
    """io.k8s.api.core.v1.EndpointPort"""

    name: str = ""
    port: Int32 = field(default_factory=zero_int)
    protocol: str = ""
    app_protocol: str | None = None


class EndpointSubset(Wire):
    """io.k8s.api.core.v1.EndpointSubset"""

    addresses: list[EndpointAddress] = []
    not_ready_addresses: list[EndpointAddress] = []
    ports: list[EndpointPort] = []


class Endpoints(Wire):
    """io.k8s.api.core.v1.Endpoints"""

    kind: str = field(default_factory=lambda: "Endpoints")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    subsets: list[EndpointSubset] = []


class ConfigMap(Wire):
    """io.k8s.api.core.v1.ConfigMap"""

    kind: str = field(default_factory=lambda: "ConfigMap")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    immutable: bool | None = None
    data: dict[str, str] = {}
    binary_data: dict[str, bytes] = {}


class Secret(Wire):
    """io.k8s.api.core.v1.Secret"""

    kind: str = field(default_factory=lambda: "Secret")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    immutable: bool | None = None
    data: dict[str, bytes] = {}
    string_data: dict[str, str] = {}
    type: str = ""


class ServiceAccount(Wire):
    """io.k8s.api.core.v1.ServiceAccount"""

    kind: str = field(default_factory=lambda: "ServiceAccount")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    secrets: list[ObjectReference] = []
    image_pull_secrets: list[LocalObjectReference] = []
    automount_service_account_token: bool | None = None


class EventSource(Wire):
    """io.k8s.api.core.v1.EventSource"""

    component: str = ""
    host: str = ""


class EventSeries(Wire):
    """io.k8s.api.core.v1.EventSeries"""

    count: Int32 = 0
    last_observed_time: str | None = field(default_factory=null)


class Event(Wire):
    """io.k8s.api.core.v1.Event"""

    kind: str = field(default_factory=lambda: "Event")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    involved_object: ObjectReference = field(default_factory=ObjectReference)
    reason: str = ""
    message: str = ""
    source: EventSource = field(default_factory=EventSource)
    first_timestamp: str | None = field(default_factory=null)
    last_timestamp: str | None = field(default_factory=null)
    count: Int32 = 0
    type: str = ""
    event_time: str | None = field(default_factory=null)
    series: EventSeries | None = None
    action: str = ""
    related: ObjectReference | None = None
    reporting_component: str = field(default_factory=empty_string)
    reporting_instance: str = field(default_factory=empty_string)


class GlusterfsPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.GlusterfsPersistentVolumeSource"""

    endpoints: str = field(default_factory=empty_string)
    path: str = field(default_factory=empty_string)
    read_only: bool = False
    endpoints_namespace: str | None = None


class SecretReference(Wire):
    """io.k8s.api.core.v1.SecretReference"""

    name: str = ""
    namespace: str = ""


class RBDPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.RBDPersistentVolumeSource"""

    monitors: list[str] = field(default_factory=empty_list)
    image: str = field(default_factory=empty_string)
    fs_type: str = ""
    pool: str = ""
    user: str = ""
    keyring: str = ""
    secret_ref: SecretReference | None = None
    read_only: bool = False


class ISCSIPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.ISCSIPersistentVolumeSource"""

    target_portal: str = field(default_factory=empty_string)
    iqn: str = field(default_factory=empty_string)
    lun: Int32 = field(default_factory=zero_int)
    iscsi_interface: str = ""
    fs_type: str = ""
    read_only: bool = False
    portals: list[str] = []
    chap_auth_discovery: bool = False
    chap_auth_session: bool = False
    secret_ref: SecretReference | None = None
    initiator_name: str | None = None


class CinderPersistentVolumeSource(Wire, rename=wire(volume_id="volumeID")):
    """io.k8s.api.core.v1.CinderPersistentVolumeSource"""

    volume_id: str = field(default_factory=empty_string)
    fs_type: str = ""
    read_only: bool = False
    secret_ref: SecretReference | None = None


class CephFSPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.CephFSPersistentVolumeSource"""

    monitors: list[str] = field(default_factory=empty_list)
    path: str = ""
    user: str = ""
    secret_file: str = ""
    secret_ref: SecretReference | None = None
    read_only: bool = False


class FlexPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.FlexPersistentVolumeSource"""

    driver: str = field(default_factory=empty_string)
    fs_type: str = ""
    secret_ref: SecretReference | None = None
    read_only: bool = False
    options: dict[str, str] = {}


class AzureFilePersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.AzureFilePersistentVolumeSource"""

    secret_name: str = field(default_factory=empty_string)
    share_name: str = field(default_factory=empty_string)
    read_only: bool = False
    secret_namespace: str | None = field(default_factory=null)


class ScaleIOPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.ScaleIOPersistentVolumeSource"""

    gateway: str = field(default_factory=empty_string)
    system: str = field(default_factory=empty_string)
    secret_ref: SecretReference | None = field(default_factory=null)
    ssl_enabled: bool = False
    protection_domain: str = ""
    storage_pool: str = ""
    storage_mode: str = ""
    volume_name: str = ""
    fs_type: str = ""
    read_only: bool = False


class LocalVolumeSource(Wire):
    """io.k8s.api.core.v1.LocalVolumeSource"""

    path: str = field(default_factory=empty_string)
    fs_type: str | None = None


class StorageOSPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.StorageOSPersistentVolumeSource"""

    volume_name: str = ""
    volume_namespace: str = ""
    fs_type: str = ""
    read_only: bool = False
    secret_ref: ObjectReference | None = None


class CSIPersistentVolumeSource(Wire):
    """io.k8s.api.core.v1.CSIPersistentVolumeSource"""

    driver: str = field(default_factory=empty_string)
    volume_handle: str = field(default_factory=empty_string)
    read_only: bool = False
    fs_type: str = ""
    volume_attributes: dict[str, str] = {}
    controller_publish_secret_ref: SecretReference | None = None
    node_stage_secret_ref: SecretReference | None = None
    node_publish_secret_ref: SecretReference | None = None
    controller_expand_secret_ref: SecretReference | None = None
    node_expand_secret_ref: SecretReference | None = None


class PersistentVolumeSource(Wire, rename=wire(scale_io="scaleIO")):
    """io.k8s.api.core.v1.PersistentVolumeSource"""

    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    glusterfs: GlusterfsPersistentVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    iscsi: ISCSIPersistentVolumeSource | None = None
    cinder: CinderPersistentVolumeSource | None = None
    cephfs: CephFSPersistentVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    flex_volume: FlexPersistentVolumeSource | None = None
    azure_file: AzureFilePersistentVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    scale_io: ScaleIOPersistentVolumeSource | None = None
    local: LocalVolumeSource | None = None
    storageos: StorageOSPersistentVolumeSource | None = None
    csi: CSIPersistentVolumeSource | None = None


class VolumeNodeAffinity(Wire):
    """io.k8s.api.core.v1.VolumeNodeAffinity"""

    required: NodeSelector | None = None


class PersistentVolumeSpec(Wire, rename=wire(scale_io="scaleIO")):
    """io.k8s.api.core.v1.PersistentVolumeSpec"""

    capacity: dict[str, Quantity] = {}
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    glusterfs: GlusterfsPersistentVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    iscsi: ISCSIPersistentVolumeSource | None = None
    cinder: CinderPersistentVolumeSource | None = None
    cephfs: CephFSPersistentVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    flex_volume: FlexPersistentVolumeSource | None = None
    azure_file: AzureFilePersistentVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    scale_io: ScaleIOPersistentVolumeSource | None = None
    local: LocalVolumeSource | None = None
    storageos: StorageOSPersistentVolumeSource | None = None
    csi: CSIPersistentVolumeSource | None = None
    access_modes: list[str] = []
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = ""
    storage_class_name: str = ""
    mount_options: list[str] = []
    volume_mode: str | None = None
    node_affinity: VolumeNodeAffinity | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeStatus(Wire):
    """io.k8s.api.core.v1.PersistentVolumeStatus"""

    phase: str = ""
    message: str = ""
    reason: str = ""
    last_phase_transition_time: str | None = None


class PersistentVolume(Wire):
    """io.k8s.api.core.v1.PersistentVolume"""

    kind: str = field(default_factory=lambda: "PersistentVolume")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PersistentVolumeSpec = field(default_factory=PersistentVolumeSpec)
    status: PersistentVolumeStatus = field(default_factory=PersistentVolumeStatus)


class PersistentVolumeClaimCondition(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaimCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_probe_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class ModifyVolumeStatus(Wire):
    """io.k8s.api.core.v1.ModifyVolumeStatus"""

    target_volume_attributes_class_name: str = ""
    status: str = field(default_factory=empty_string)


class PersistentVolumeClaimStatus(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaimStatus"""

    phase: str = ""
    access_modes: list[str] = []
    capacity: dict[str, Quantity] = {}
    conditions: list[PersistentVolumeClaimCondition] = []
    allocated_resources: dict[str, Quantity] = {}
    allocated_resource_statuses: dict[str, str] = {}
    current_volume_attributes_class_name: str | None = None
    modify_volume_status: ModifyVolumeStatus | None = None


class PersistentVolumeClaim(Wire):
    """io.k8s.api.core.v1.PersistentVolumeClaim"""

    kind: str = field(default_factory=lambda: "PersistentVolumeClaim")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PersistentVolumeClaimSpec = field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = field(default_factory=PersistentVolumeClaimStatus)


class ScopedResourceSelectorRequirement(Wire):
    """io.k8s.api.core.v1.ScopedResourceSelectorRequirement"""

    scope_name: str = field(default_factory=empty_string)
    operator: str = field(default_factory=empty_string)
    values: list[str] = []


class ScopeSelector(Wire):
    """io.k8s.api.core.v1.ScopeSelector"""

    match_expressions: list[ScopedResourceSelectorRequirement] = []


class ResourceQuotaSpec(Wire):
    """io.k8s.api.core.v1.ResourceQuotaSpec"""

    hard: dict[str, Quantity] = {}
    scopes: list[str] = []
    scope_selector: ScopeSelector | None = None


class ResourceQuotaStatus(Wire):
    """io.k8s.api.core.v1.ResourceQuotaStatus"""

    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceQuota(Wire):
    """io.k8s.api.core.v1.ResourceQuota"""

    kind: str = field(default_factory=lambda: "ResourceQuota")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: ResourceQuotaSpec = field(default_factory=ResourceQuotaSpec)
    status: ResourceQuotaStatus = field(default_factory=ResourceQuotaStatus)


class LimitRangeItem(Wire):
    """io.k8s.api.core.v1.LimitRangeItem"""

    type: str = field(default_factory=empty_string)
    max: dict[str, Quantity] = {}
    min: dict[str, Quantity] = {}
    default: dict[str, Quantity] = {}
    default_request: dict[str, Quantity] = {}
    max_limit_request_ratio: dict[str, Quantity] = {}


class LimitRangeSpec(Wire):
    """io.k8s.api.core.v1.LimitRangeSpec"""

    limits: list[LimitRangeItem] = field(default_factory=empty_list)


class LimitRange(Wire):
    """io.k8s.api.core.v1.LimitRange"""

    kind: str = field(default_factory=lambda: "LimitRange")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: LimitRangeSpec = field(default_factory=LimitRangeSpec)


class PodTemplateSpec(Wire):
    """io.k8s.api.core.v1.PodTemplateSpec"""

    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: PodSpec = field(default_factory=PodSpec)


class ReplicationControllerSpec(Wire):
    """io.k8s.api.core.v1.ReplicationControllerSpec"""

    replicas: Int32 | None = None
    min_ready_seconds: Int32 = 0
    selector: dict[str, str] = {}
    template: PodTemplateSpec | None = None


class ReplicationControllerCondition(Wire):
    """io.k8s.api.core.v1.ReplicationControllerCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class ReplicationControllerStatus(Wire):
    """io.k8s.api.core.v1.ReplicationControllerStatus"""

    replicas: Int32 = field(default_factory=zero_int)
    fully_labeled_replicas: Int32 = 0
    ready_replicas: Int32 = 0
    available_replicas: Int32 = 0
    observed_generation: Int64 = 0
    conditions: list[ReplicationControllerCondition] = []


class ReplicationController(Wire):
    """io.k8s.api.core.v1.ReplicationController"""

    kind: str = field(default_factory=lambda: "ReplicationController")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: ReplicationControllerSpec = field(default_factory=ReplicationControllerSpec)
    status: ReplicationControllerStatus = field(default_factory=ReplicationControllerStatus)


class PodTemplate(Wire):
    """io.k8s.api.core.v1.PodTemplate"""

    kind: str = field(default_factory=lambda: "PodTemplate")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    template: PodTemplateSpec = field(default_factory=PodTemplateSpec)


class Binding(Wire):
    """io.k8s.api.core.v1.Binding"""

    kind: str = field(default_factory=lambda: "Binding")
    api_version: str = field(default_factory=lambda: "v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    target: ObjectReference = field(default_factory=ObjectReference)


class PodLogOptions(Wire, rename=wire(insecure_skip_tls_verify_backend="insecureSkipTLSVerifyBackend")):
    """io.k8s.api.core.v1.PodLogOptions"""

    kind: str = field(default_factory=lambda: "PodLogOptions")
    api_version: str = field(default_factory=lambda: "v1")
    container: str = ""
    follow: bool = False
    previous: bool = False
    since_seconds: Int64 | None = None
    since_time: str | None = None
    timestamps: bool = False
    tail_lines: Int64 | None = None
    limit_bytes: Int64 | None = None
    insecure_skip_tls_verify_backend: bool = False
    stream: str | None = None


class PodExecOptions(Wire):
    """io.k8s.api.core.v1.PodExecOptions"""

    kind: str = field(default_factory=lambda: "PodExecOptions")
    api_version: str = field(default_factory=lambda: "v1")
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    container: str = ""
    command: list[str] = field(default_factory=empty_list)


class PodAttachOptions(Wire):
    """io.k8s.api.core.v1.PodAttachOptions"""

    kind: str = field(default_factory=lambda: "PodAttachOptions")
    api_version: str = field(default_factory=lambda: "v1")
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    container: str = ""


class PodPortForwardOptions(Wire):
    """io.k8s.api.core.v1.PodPortForwardOptions"""

    kind: str = field(default_factory=lambda: "PodPortForwardOptions")
    api_version: str = field(default_factory=lambda: "v1")
    ports: list[Int32] = []


class PodProxyOptions(Wire):
    """io.k8s.api.core.v1.PodProxyOptions"""

    kind: str = field(default_factory=lambda: "PodProxyOptions")
    api_version: str = field(default_factory=lambda: "v1")
    path: str = ""


class ServiceProxyOptions(Wire):
    """io.k8s.api.core.v1.ServiceProxyOptions"""

    kind: str = field(default_factory=lambda: "ServiceProxyOptions")
    api_version: str = field(default_factory=lambda: "v1")
    path: str = ""


class NodeProxyOptions(Wire):
    """io.k8s.api.core.v1.NodeProxyOptions"""

    kind: str = field(default_factory=lambda: "NodeProxyOptions")
    api_version: str = field(default_factory=lambda: "v1")
    path: str = ""


class TopologySelectorLabelRequirement(Wire):
    """io.k8s.api.core.v1.TopologySelectorLabelRequirement"""

    key: str = field(default_factory=empty_string)
    values: list[str] = field(default_factory=empty_list)


class TopologySelectorTerm(Wire):
    """io.k8s.api.core.v1.TopologySelectorTerm"""

    match_label_expressions: list[TopologySelectorLabelRequirement] = []
