"""The one place that compiles: how a kernel is made, and where its machine code is kept between processes.

numba's own cache looks at the file of the cached function only, and would go on serving it after a kernel it calls has
changed. Here the cache directory is named after the content of every file that kernels are made of, so stale code
cannot be found. `BAYESCALER_NUMBA_CACHE=0` turns the cache off; where no directory can be written there is none.

Kernels of another package lie in folders of one name, and take nothing from outside them but what these do.
"""

import gc
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.cgutils import normalize_ir_text
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.untyped_passes import InlineClosureLikes
from numba.extending import intrinsic

_config: Any = numba.config  # its attributes are made at run time
_njit: Any = numba.njit  # its type leaves out the flags of the core

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

OUTSIDE = ("settings.py", "predictive.py")  # what kernels, of another package too, take from the package above
_HERE = Path(__file__).resolve().parent


def source_stamp(folder: Path = _HERE) -> str:
    """Return a digest of all files kernels are made of: this folder, and what it imports from the package above."""
    return _digest([*folder.glob("*.py"), *_outside(folder)])


def _outside(folder: Path) -> Iterator[Path]:
    return (folder.parent / name for name in OUTSIDE)


def _neighbours(folder: Path) -> list[Path]:
    """Return the files of all kernels of the package that holds this folder of kernels: they may call each other."""
    return [*folder.glob("*.py"), *folder.parent.parent.glob(f"*/{folder.name}/*.py")]


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _cache_directory(folder: Path) -> Path | None:
    """Return the first directory that can be written for the kernels in `folder`, or None."""
    if os.environ.get("BAYESCALER_NUMBA_CACHE", "1") == "0":
        return None
    stamp = source_stamp() if folder == _HERE else _digest([Path(__file__), *_outside(_HERE), *_neighbours(folder)])
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    configured = _config.CACHE_DIR
    bases = [Path(configured)] if configured else [folder / "__pycache__", home / "bayescast"]
    for base in bases:
        try:
            directory = base.expanduser() / f"kernels-{stamp}"
            directory.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):  # RuntimeError: a user without a home
            continue
        if os.access(directory, os.W_OK):
            return directory
    return None


class _SourcesLocator(_CacheLocator):
    """Keeps a kernel's machine code in the directory of the present sources."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._py_file = function.__code__.co_filename  # numba names it where something cannot be kept
        self._line = function.__code__.co_firstlineno
        self._directory = cast("Path", _cache_directory(_folder(function)))

    @classmethod
    def from_function(cls, function: Callable[..., Any], _path: str) -> "_SourcesLocator":
        return cls(function)

    def get_cache_path(self) -> str:
        return str(self._directory)

    def get_source_stamp(self) -> str:
        return self._directory.name

    def get_disambiguator(self) -> str:
        return str(self._line)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_SourcesLocator]  # type: ignore[list-item]  # noqa: RUF012  # as numba has it


class _KernelCache(FunctionCache):
    _impl_class = _CacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept, else None, and then untouched: numba readied in the order of a load types slower."""
        kept = Path(self._cache_file._index_path).exists()  # noqa: SLF001  # numba has no public way to ask
        return super().load_overload(sig, target_context) if kept else None  # type: ignore[no-untyped-call]

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it where the disk takes it; else the next process compiles it anew."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


class _PartLibrary(JITCodeLibrary):
    """The code of a part as written: it is optimised, and made machine code of, in the entry it is inlined into.

    As numba has it, each part is so by itself too, with all that it calls, and once more in each that calls it.
    """

    def add_ir_module(self, module: Any) -> None:
        """Have LLVM read the part and make it smaller beside numba, which goes on with the next: LLVM holds no GIL."""
        text = normalize_ir_text(str(module))  # type: ignore[no-untyped-call]
        beside = ThreadPoolExecutor(1)
        self._added = beside.submit(lambda: self.add_llvm_module(binding.parse_assembly(text)))  # type: ignore[no-untyped-call]
        beside.shutdown(wait=False)

    def _get_module_for_linking(self) -> Any:
        self._added.result()
        return super()._get_module_for_linking()  # type: ignore[no-untyped-call]

    def _optimize_functions(self, module: Any) -> None:
        """Make each function smaller, not also what it merely declares, of which there is more."""
        module.data_layout = self._codegen._data_layout  # noqa: SLF001
        for function in module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()  # type: ignore[no-untyped-call]  # noqa: SLF001
                passes.run(function, builder)

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        return 0  # as of any function without machine code

    @property
    def codegen(self) -> "_PartLibrary":
        return self

    def set_env(self, _name: str, _environment: object) -> None:
        """Leave out where an error would find its Python objects: there is no machine code that would ask."""


@cache
def _size(target: Any, kind: Any) -> int:
    """Ask LLVM for the bytes of a type once: numba does so at every variable, and would wait for LLVM to be free."""
    return int(kind.get_abi_size(target))


class _PartCompiler(Compiler):
    def define_pipelines(self) -> list[Any]:
        """Leave out the search for closures and comprehensions, which no part has: of numba's passes it is slow."""
        pipelines: list[Any] = super().define_pipelines()  # type: ignore[no-untyped-call]
        for pipeline in pipelines:
            pipeline.passes = [step for step in pipeline.passes if step[0] is not InlineClosureLikes]
        return pipelines

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        context = self.state.targetctx
        context.get_abi_sizeof = partial(_size, context.target_data)
        self.state.library = library = _PartLibrary(context.codegen(), func.__qualname__)  # type: ignore[no-untyped-call]
        compiled = super().compile_extra(func)  # type: ignore[no-untyped-call]
        # Who calls the part takes in what it calls as well, each once.
        libraries = dict.fromkeys([library, *library._linking_libraries])  # noqa: SLF001
        context.remove_user_function(compiled.entry_point)
        context.insert_user_function(compiled.entry_point, compiled.fndesc, libraries)
        return compiled


class _EntryCompiler(Compiler):
    def __init__(self, *arguments: Any) -> None:
        with _collecting_rarely():  # the first one imports what numba knows of arrays
            super().__init__(*arguments)  # type: ignore[no-untyped-call]

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        with _collecting_rarely(), _resolving_once(self.state.typingctx):
            return super().compile_extra(func)  # type: ignore[no-untyped-call]


@contextmanager
def _resolving_once(context: Any) -> Iterator[None]:
    """Look up what a call of these types returns once: numba does so for every call, in each round of inference."""
    resolve, known = context.resolve_function_type, dict[Any, Any]()

    def resolved(function: Any, arguments: Any, named: Any) -> Any:
        key = function, arguments, *dict(named).items()
        if known.get(key) is None:
            known[key] = resolve(function, arguments, named)
        return known[key]

    context.resolve_function_type = resolved
    try:
        yield
    finally:
        context.resolve_function_type = resolve


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for garbage every 20,000 objects: every 700 it takes a tenth of the time, and saves no memory."""
    usual = gc.get_threshold()
    gc.set_threshold(20_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def kernel(function: Kernel) -> Kernel:
    """Compile a part of the numeric core, called from compiled code alone.

    It runs without the GIL and without reference counts (kernels take arrays and never make one; counting them costs
    more than the arithmetic), and is inlined where it is called: on disk it is kept as part of the entries. It may hold
    no closure and no comprehension.
    """
    return cast("Kernel", _compiled(function, _PartCompiler, no_cpython_wrapper=True, forceinline=True))


def entry(function: Kernel) -> Kernel:
    """Compile a kernel that is called from Python, and keep the machine code on disk where that is safe."""
    compiled = _compiled(function, _EntryCompiler)
    if not _config.DISABLE_JIT and _cache_directory(_folder(function)) is not None:
        compiled._cache = _KernelCache(function)  # type: ignore[no-untyped-call]  # noqa: SLF001  # numba has no public way to choose
    return cast("Kernel", compiled)


def _prefetch(_typing: Any, array: Any, _byte: Any) -> Any:
    """Ask memory for the line that holds this byte of an array, and go on without waiting for it.

    It comes as far as the second cache: the first can wait for too few lines at a time.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        declared = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch.p0", (), declared)
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = builder.gep(builder.bitcast(start, pointer), [arguments[1]])
        read, second_cache, data = number(0), number(2), number(1)
        builder.call(ask, [byte, read, second_cache, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


prefetch: Any = (lambda _array, _byte: None) if _config.DISABLE_JIT else intrinsic(_prefetch)


def _compiled(function: Callable[..., Any], compiler: type[Compiler], **options: bool) -> Any:
    """Compile on the first call."""
    options |= {"nogil": True, "no_cfunc_wrapper": True, "no_rewrites": True, "_nrt": False}
    return _njit(error_model="numpy", fastmath={"contract"}, pipeline_class=compiler, **options)(function)


def _folder(function: Callable[..., Any]) -> Path:
    """Return the folder of the file that a kernel is written in."""
    return Path(function.__code__.co_filename).resolve().parent
