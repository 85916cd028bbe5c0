"""The code that classes belong to: their modules, and all modules of our own that these import, as they are loaded.

Modules are told apart by their syntax trees without docstrings, comments and positions.  Python and the packages that
these modules import count by their versions, and linear algebra and NumPy by the processors that their loops are for.
Names that this package offers, as `qgmutils.tfim`, count as the modules that they come from.
Threads, workers and the processor itself do not count: no number depends on them.  What is imported under a computed
name is not seen.
"""

from __future__ import annotations

import abc
import ast
import collections
import contextlib
import dataclasses
import functools
import hashlib
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from qgmutils.computing import front, loaded
from qgmutils.computing.loaded import PACKAGE
from qgmutils.computing.threads import arithmetic

# These modules carry tasks and tables about and make no number; `threads` holds linear algebra to one thread, `kernels`
# says how to compile, and `simd` is arithmetic.
_CARRIERS = f"{PACKAGE}.computing"
# Decorators that keep the function that they are given: see `_bare`.
_TRANSPARENT = frozenset(
    {"cache", "cached_property", "classmethod", "compiled", "contextmanager", "lru_cache", "njit", "property"}
    | {"staticmethod"}
)
# What the package offers by name, and the module that it comes from.
_OFFERED = {f"{PACKAGE}.{name}": place for name, place in front.PLACES.items()}
_NOT_CARRIERS = frozenset({f"{PACKAGE}.computing.{name}" for name in ("kernels", "simd", "threads")})


class UnknownCode(ValueError):
    """It is not known which code is loaded, or it is no longer the one that was imported."""


@dataclasses.dataclass(frozen=True)
class Code:
    """The code of one or several classes.

    Attributes
    ----------
    digest : str
        Hash of the modules and versions, 64 hexadecimal digits.
    modules : dict of str to str
        The modules' names and the first twelve digits of their hashes.
    versions : dict of str to str
        Python, the packages that the modules import, and the library of linear algebra.
    """

    digest: str
    modules: dict[str, str]
    versions: dict[str, str]


def code_of(*classes: type) -> Code:
    """The code that runs when methods of these classes are called.

    Parameters
    ----------
    *classes : type
        Classes at the top level of modules; their order does not matter.

    Returns
    -------
    Code
        The same for every process that has loaded the same modules and versions.

    Raises
    ------
    UnknownCode
        A class is not in a file, or one of the modules is not, or no longer, what its file holds.  The message says
        which, and what to do.
    """
    ordered = sorted(classes, key=lambda cls: (cls.__module__, cls.__qualname__))
    for cls in ordered:
        if "<locals>" in cls.__qualname__:
            raise UnknownCode(
                f"{cls.__qualname__} is defined in a function; define it at the top level of a module"
            )
    found = _closure(map(_module_of, ordered))
    for cls in ordered:
        place = _module_of(cls)
        if place not in found:
            raise UnknownCode(
                f"{cls.__qualname__} is not defined in a file (module {place}); define it in a module"
            )
        if cls.__name__ not in found[place].classes:
            raise UnknownCode(f"{cls.__qualname__} is not in the file of {place}; define it there")
    for check in (_require_unchanged, _require_unpatched):
        for name, module in found.items():
            check(name, module)
    for cls in ordered:
        place = _module_of(cls)
        present: Any = sys.modules[place]
        for name in cls.__qualname__.split("."):
            present = getattr(present, name, None)
        if present is not cls:
            raise UnknownCode(
                f"{place}.{cls.__qualname__} has been defined anew since this task was made; make it anew"
            )
    return _identity(tuple(sorted((name, module.digest) for name, module in found.items())), _foreign(found))


def _module_of(cls: type) -> str:
    # The main module has another name in worker processes.
    return "__main__" if cls.__module__ == "__mp_main__" else cls.__module__


@dataclasses.dataclass(frozen=True, eq=False)
class _Module:
    """What the content of a file says: its hash, what it imports and what it defines."""

    digest: str
    imports: tuple[str, ...]  # full names, of which some may be no modules
    functions: dict[str, tuple[int, bool]]  # first line, and whether it is decorated, of those defined once
    constants: dict[str, Any]  # values that are written out, of modules and of classes
    classes: frozenset[str]  # without what they are in
    taken: dict[str, tuple[str, str]]  # name, to module and name there


def _closure(starts: Iterable[str]) -> dict[str, _Module]:
    found: dict[str, _Module] = {}
    todo = [name for start in starts for name in _with_packages(start)]
    while todo:
        name = todo.pop()
        if name in found or _carries(name):
            continue
        source = loaded.source(name)
        if source is not None:
            found[name] = _read(source.contents[0], source.origin, _package(name, source))
            todo += found[name].imports
        elif name in _OFFERED:
            todo += _with_packages(_OFFERED[name])
    return found


def _carries(name: str) -> bool:
    return (name + ".").startswith(_CARRIERS + ".") and name not in _NOT_CARRIERS


def _package(name: str, source: loaded.Source) -> str:
    """What relative imports are relative to."""
    if name == "__main__":
        return getattr(sys.modules[name], "__package__", None) or ""
    return name if source.folders is not None else name.rpartition(".")[0]


def _foreign(found: dict[str, _Module]) -> tuple[str, ...]:
    """Packages that are imported, but neither our own nor of the standard library."""
    tops = {name.partition(".")[0] for module in found.values() for name in module.imports}
    own = {name.partition(".")[0] for name in found}
    return tuple(sorted(tops - own - sys.stdlib_module_names - {PACKAGE, ""}))


@functools.lru_cache(maxsize=16)
def _identity(modules: tuple[tuple[str, str], ...], packages: tuple[str, ...]) -> Code:
    versions = {"python": ".".join(platform.python_version_tuple()[:2])} | arithmetic()
    if sys.flags.optimize:  # without assertions, and perhaps without docstrings
        versions["python"] += f" -{sys.flags.optimize * 'O'}"
    versions |= {name: version for name in packages if (version := version_of(name))}
    digest = hashlib.sha256(json.dumps([modules, versions], sort_keys=True).encode()).hexdigest()
    return Code(digest, {name: value[:12] for name, value in modules}, versions)


def version_of(name: str) -> str:
    """Version of an imported package, or of an installed one; "" if there is none.

    What was installed without a version has a hash of its source instead.

    Parameters
    ----------
    name : str
        What is imported.
    """
    version = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(version, str):
        return version
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _version_of_other_name(name)


@functools.cache
def _version_of_other_name(name: str) -> str:
    several = importlib.metadata.packages_distributions().get(name, ())
    if several:
        return ", ".join(f"{other} {importlib.metadata.version(other)}" for other in sorted(set(several)))
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    digest = hashlib.sha256()
    for path in paths or ([Path(spec.origin)] if spec.origin and spec.has_location else []):
        with contextlib.suppress(OSError):
            digest.update(path.read_bytes())
    return f"sha256 {digest.hexdigest()[:16]}"


@functools.lru_cache(maxsize=4096)
def _read(content: bytes, origin: str, package: str) -> _Module:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        if origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
            return _Module(hashlib.sha256(content).hexdigest(), (), {}, {}, frozenset(), {})
        raise UnknownCode(
            f"{origin} is no source of Python ({error}); install the modules as source"
        ) from error
    imports = dict.fromkeys(name for node in _statements(tree.body) for name in _imported(node, package))
    imports |= dict.fromkeys(_reached(tree))
    bound = collections.Counter(name for node in tree.body for name in _bound(node))
    bound.update(
        name for node in _statements(tree.body) if isinstance(node, ast.Global) for name in 2 * node.names
    )
    set_later = {node.attr for node in ast.walk(tree) if _is_set_attribute(node)}
    constants = dict(_constants(tree.body, bound, ""))
    constants = {name: value for name, value in constants.items() if name.partition(".")[2] not in set_later}
    classes = frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    taken = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            origin_module = _absolute(node, package)
            for alias in node.names:
                if bound[alias.asname or alias.name] == 1:
                    taken[alias.asname or alias.name] = (origin_module, alias.name)
    functions = dict(_functions(tree.body, bound, ""))
    _strip(tree)
    digest = hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
    return _Module(digest, tuple(imports), functions, constants, classes, taken)


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Statements, and those inside of them, that may run: not what only a type checker reads."""
    for node in body:
        yield node
        checker = isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            if not (checker and field == "body"):
                yield from _statements(getattr(node, field, ()))


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name)
    elif isinstance(node, ast.ImportFrom):
        name = _absolute(node, package)
        yield from _with_packages(name)
        yield from (f"{name}.{alias.name}" for alias in node.names)


def _reached(tree: ast.Module) -> Iterator[str]:
    """Modules that may be reached as attributes of imported ones, or are imported by a function under a fixed name."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                aliases[alias.asname or top] = alias.name if alias.asname else top
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                parts.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in aliases:
                yield ".".join([aliases[inner.id], *parts])
        elif isinstance(node, ast.Call) and _last_name(node) in ("import_module", "__import__"):
            match node.args:
                case [ast.Constant(value=str(name)), *_] if name and not name.startswith("."):
                    yield from _with_packages(name)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a statement at the top of a module or class gives a value to, as often as it does."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]


def _functions(
    body: list[ast.stmt], bound: collections.Counter[str], prefix: str
) -> Iterator[tuple[str, tuple[int, bool]]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and bound[node.name] == 1:
            decorators = node.decorator_list
            if all(_last_name(decorator) in _TRANSPARENT for decorator in decorators):
                line = min(part.lineno for part in (node, *decorators))
                yield prefix + node.name, (line, bool(decorators))
        elif isinstance(node, ast.ClassDef) and bound[node.name] == 1:
            inner = collections.Counter(name for part in node.body for name in _bound(part))
            yield from _functions(node.body, inner, f"{prefix}{node.name}.")


def _last_name(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator).rpartition(".")[2]


def _constants(
    body: list[ast.stmt], bound: collections.Counter[str], prefix: str
) -> Iterator[tuple[str, Any]]:
    """Names that are given one value, which is written out and cannot change by itself.

    Annotated names of classes are left out: fields of dataclasses need not stay there.
    """
    for node in body:
        match node:
            case ast.ClassDef(name=name) if bound[name] == 1:
                inner = collections.Counter(name for part in node.body for name in _bound(part))
                yield from _constants(node.body, inner, f"{prefix}{name}.")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if not prefix:
                pass
            case _:
                continue
        if not isinstance(node, ast.ClassDef) and bound[name] == 1:
            with contextlib.suppress(ValueError, TypeError, RecursionError, MemoryError):
                found = ast.literal_eval(value)
                hash(found)  # others may be filled as a program runs
                yield prefix + name, found


def _is_set_attribute(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def _strip(tree: ast.Module) -> None:
    """Leave out docstrings, and the release number, which alone changes no result."""
    for node in (tree, *_statements(tree.body)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            if isinstance(node, ast.Module):
                node.body = [part for part in node.body if list(_bound(part)) != ["__version__"]]


def _require_unchanged(name: str, module: _Module) -> None:
    source = loaded.source(name)
    assert source is not None
    source.look()
    where = f"{name} ({source.origin})"
    if source.doubt:
        raise UnknownCode(f"{where} {source.doubt}")
    contents = source.contents[1:]
    if any(
        _read(content, source.origin, _package(name, source)).digest != module.digest for content in contents
    ):
        raise UnknownCode(
            f"{where} has changed since it was imported, so what is loaded is old or a mixture; restart Python"
        )


def _require_unpatched(name: str, module: _Module) -> None:
    source, present = loaded.source(name), sys.modules.get(name)
    if present is None or source is None:
        return
    changed = _patched(vars(present), module, source.origin)
    if changed:
        raise UnknownCode(
            f"{name}.{changed} is not what {source.origin} says, but was set by hand or loaded again; restart Python"
        )


def _patched(namespace: dict[str, Any], module: _Module, origin: str) -> str:
    """First name that has another value than the file gives it, as far as can be told; "" if there is none."""
    for name, value in module.constants.items():
        owner, present = _find(namespace, name)
        if owner is not None and type(owner) not in (type, abc.ABCMeta):
            continue  # of enumerations and the like, which make something else of what is written
        if type(present) is not type(value) or repr(present) != repr(value):
            return name
    for name, (place, other) in module.taken.items():
        if place in sys.modules and not _carries(place) and loaded.source(place) is not None:
            there = vars(sys.modules[place]).get(other, _MISSING)
            if there is not _MISSING and namespace.get(name) is not there:
                return name
    for name, (line, decorated) in module.functions.items():
        _, present = _find(namespace, name)
        code = getattr(_bare(present) if decorated else present, "__code__", None)
        if code is None or code.co_firstlineno != line or code.co_name != name.rpartition(".")[2]:
            return name
        if not _same_file(code.co_filename, origin):
            return name
    return ""


_MISSING = object()


def _find(namespace: dict[str, Any], name: str) -> tuple[Any, Any]:
    """What a name of a module, or of a class in it, stands for, and that class."""
    first, *rest = name.split(".")
    owner, present = None, namespace.get(first, _MISSING)
    for part in rest:
        owner = present
        if part.startswith("__") and not part.endswith("__"):
            part = f"_{getattr(owner, '__name__', '').lstrip('_')}{part}"
        present = vars(owner).get(part, _MISSING) if isinstance(owner, type) else _MISSING
    return owner, present


def _bare(value: Any) -> Any:
    """The function that decorators were given."""
    for name in ("fget", "func", "__func__", "py_func", "__wrapped__"):
        inner = getattr(value, name, None)
        if inner is not None:
            return _bare(inner)
    return value


@functools.lru_cache(maxsize=4096)
def _same_file(first: str, second: str) -> bool:
    if first == second:
        return True
    # That of a program is as the command line has it, from a folder that may have been left.
    same_name = os.path.basename(first) == os.path.basename(second)
    return same_name and (not os.path.isabs(first) or os.path.realpath(first) == os.path.realpath(second))
