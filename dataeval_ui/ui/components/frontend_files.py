"""The browser's side of the components: ES modules that the server hands out under the digest of their bytes."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

from dataeval_ui.ui.components.urls import API_PREFIX

FRONTEND_FOLDER = Path(__file__).parent / "frontend"
SHARED = "shared/"
"""Modules that several components use."""
MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@functools.cache
def frontend_files() -> dict[str, bytes]:
    """Read every file once, by its path below the folder: `map/index.js`."""
    return {
        path.relative_to(FRONTEND_FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FRONTEND_FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


@functools.cache
def frontend_digest() -> str:
    """Name the files' bytes, so that a browser may keep them for ever: 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path, content in frontend_files().items():
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def module_url(path: str, *, base_path: str = "") -> str:
    """Where the browser finds a module."""
    return f"{base_path}{API_PREFIX}/frontend/{frontend_digest()}/{path}"


def loader(path: str, *, base_path: str = "") -> str:
    """JavaScript for Streamlit that loads a module of ours and hands every call on to it.

    Streamlit sends a component's JavaScript again with every change of its data, and takes only one file. So it gets
    these few lines, and the modules come over HTTP, once: all at the same time, not each when another asks for it.
    """
    folders = (f"{path.rsplit('/', 1)[0]}/", SHARED)
    names = [name for name in frontend_files() if name.startswith(folders) and name.endswith(".js")]
    urls = [module_url(name, base_path=base_path) for name in sorted(names, key=lambda name: name != path)]
    return (
        f"const urls = {json.dumps(urls)}.map((url) => new URL(url, document.baseURI).href);\n"
        "for (const href of urls) {\n"
        "  if (document.head.querySelector(`link[href='${href}']`)) continue;\n"
        "  document.head.append(Object.assign(document.createElement('link'), { rel: 'modulepreload', href }));\n"
        "}\n"
        "const load = () => import(urls[0]);\n"
        "export default async (component) => (await load()).default(component);\n"
    )
