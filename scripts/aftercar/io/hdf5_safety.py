"""HDF5 files from outside: no values of other files, and no array that its bytes cannot hold."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h5py import File

# An array packed by deflate cannot exceed 1032 times its stored bytes (zlib's technical notes,
# Gailly and Adler); small ones may, for instance where none of it was written.
MOST_RATIO, FREE_BYTES = 1032, 16 << 20


def unsafe_part(file: "File") -> str:
    """Return what must not be read in an HDF5 file, in words; empty if there is nothing.

    That is a link into another file, an array whose values lie in other files, and an array that
    promises more than its stored bytes can hold.
    """
    import h5py

    def wrong_link(name: str, link: object) -> str | None:
        return "a link into another file" if isinstance(link, h5py.ExternalLink) else None

    def wrong_array(name: str, item: object) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.is_virtual or item.external:
            return "an array whose values lie in another file"
        stored = item.id.get_storage_size()
        if item.nbytes > max(FREE_BYTES, MOST_RATIO * stored):
            return f"an array of {item.size:.3g} values that holds {stored} bytes"
        return None

    return str(file.visititems_links(wrong_link) or file.visititems(wrong_array) or "")
