"""What the infused products do to what a gate sees: antigens hidden or removed, no surface CD3."""

from typing import NamedTuple

# antigen_blockade of infusions.tsv -> what becomes of the antigen on the cells that carry the CAR
BLOCKADE = {
    "knock_out": "{antigen} is knocked out of its CAR T cells: they are {antigen}-negative",
    "er_retention": "{antigen} is kept inside its CAR T cells (endoplasmic reticulum): they hold "
    "it and show none on the surface",
    "natural_selection": "its CAR T cells are those that survived their own CAR (natural "
    "selection): {antigen} on them is masked by the CAR or lacking",
    "negative_selection": "it was made of T cells selected to lack {antigen}: its CAR T cells are "
    "{antigen}-negative from the start",
    "none": "nothing was done to {antigen} on its CAR T cells: {antigen} may be masked by the CAR",
}
UNKNOWN = (
    "{antigen} may be masked or removed on T cells that carry a {antigen} CAR; what the product "
    "does is not stated (column antigen_blockade)"
)


class Product(NamedTuple):
    """One infusion as infusions.tsv has it."""

    infusion_no: str
    targets: tuple[str, ...]
    antigen_blockade: str = ""
    source: str = ""


def product_of(infusion: dict[str, str]) -> Product:
    """Return the product of a row of infusions.tsv."""
    return Product(
        infusion["infusion_no"],
        tuple(infusion["targets"].split(";")),
        infusion.get("antigen_blockade", ""),
        infusion.get("source", ""),
    )


def masking_flags(antigen: str, products: tuple[Product, ...]) -> list[str]:
    """Say for each product against `antigen` why its own CAR T cells may look negative for it.

    Such cells are no sign of lost antigen; CAR-negative T cells tell of the others.
    """
    return [
        f"infusion {product.infusion_no}: "
        + BLOCKADE.get(product.antigen_blockade, UNKNOWN).format(antigen=antigen)
        for product in products
        if antigen in product.targets
    ]


def product_flags(role: str, products: tuple[Product, ...]) -> list[str]:
    """Say for CAR T cells which products may lack the surface CD3 by which they are counted.

    Universal products often have the T-cell receptor removed, and surface CD3 with it.
    """
    if role != "car_t":
        return []
    return [
        f"infusion {product.infusion_no} is a universal product: CAR T cells without surface CD3 "
        "(receptor removed) lie outside this count"
        for product in products
        if product.source == "universal"
    ]
