"""What can go wrong with an image. The message appears in a pod's waiting state, the class decides its reason.

ImageError                ErrImagePull
├── InvalidReference      InvalidImageName     the name can never work: change it
├── ImageNotFound         ErrImagePull         the registry answered: there is no such image
├── AccessDenied          ErrImagePull         other credentials may help
├── RegistryUnavailable   RegistryUnavailable  try again later
├── UnsupportedImage      ErrImagePull         a sound image, but not for this node
├── CorruptImage          ErrImagePull         bytes do not match their digest, or break a rule
│   └── ImageTooLarge     ErrImagePull         a bound was reached
├── InvalidConfiguration  ErrImagePull         this node's registries.yaml, or a pull secret, is wrong
└── StorageFailed         ErrImagePull         this node cannot keep the image: disk full, no right to unpack

Reasons are those of the kubelet (``pkg/kubelet/images/types.go``).
"""

from typing import ClassVar


class ImageError(Exception):
    """An image cannot be had. ``str(error)`` is one line for people."""

    reason: ClassVar[str] = "ErrImagePull"


class InvalidReference(ImageError, ValueError):
    """The text is no image name."""

    reason = "InvalidImageName"


class ImageNotFound(ImageError):
    """The registry, archive or cache has no such image."""


class AccessDenied(ImageError):
    """The registry wants other credentials."""


class RegistryUnavailable(ImageError):
    """The registry does not answer, or answers that it cannot."""

    reason = "RegistryUnavailable"


class UnsupportedImage(ImageError):
    """The image has no variant for this platform, or is no container image."""


class CorruptImage(ImageError):
    """Some bytes are not what their digest, size or format promise, or are hostile."""


class ImageTooLarge(CorruptImage):
    """The image is beyond a bound."""


class InvalidConfiguration(ImageError, ValueError):
    """``registries.yaml`` or a pull secret cannot be understood."""


class StorageFailed(ImageError):
    """The local store cannot keep the image."""
