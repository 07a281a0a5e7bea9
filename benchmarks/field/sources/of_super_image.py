"""super-image: networks that enlarge images."""

from __future__ import annotations

import super_image

from sources import Made, image

KINDS = (
    "A2n",
    "Awsrn",
    "Carn",
    "Ddbpn",
    "Drln",
    "Drn",
    "Edsr",
    "Han",
    "Mdsr",
    "Msrn",
    "Pan",
    "Rcan",
    "Rnan",
)


def names() -> list[tuple[str, str]]:
    """Return (network, network by scale)."""
    return [(kind, f"{kind} ×{scale}") for scale in (2, 4) for kind in KINDS]


def make(name: str) -> Made:
    """Make one without weights."""
    kind, _, scale = name.partition(" ×")
    config = getattr(super_image, f"{kind}Config")(scale=int(scale))
    return getattr(super_image, f"{kind}Model")(config), (image(3, 32, 32),)
