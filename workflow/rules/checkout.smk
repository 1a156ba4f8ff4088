# CHECKOUT: the folder of this workflow's files, also where another workflow uses it as a module.
import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile


def checkout(found):
    """The folder that holds what Snakemake found at a place: a folder, or a commit of a repository.

    Snakemake reads a repository file by file, but Python imports from folders: the commit is checked
    out in the working directory. There it stays; another commit of the same branch or tag changes
    only the files that differ, so that only what depends on them runs again.
    """
    if isinstance(found, HostingProviderFile):
        name = f"{found.host}/{found.repo}"
    elif isinstance(found, LocalGitFile):
        name = os.path.basename(os.path.abspath(found.repo_path))
    elif os.path.isdir(str(found)):
        return os.path.normpath(str(found))
    else:
        raise WorkflowError(
            f"{found}: this workflow cannot be read from an address of single files: name the "
            "snakefile as github(...), gitlab(...), gitfile(...) or as a path"
        )
    folder = os.path.abspath(f".snakemake/checkouts/{name}")
    # Jobs use what the main process has checked out.
    if workflow.is_main_process or not os.path.isdir(folder):
        check_out(found, folder)
    return os.path.normpath(f"{folder}/{found.path}")


def check_out(found, folder):
    import git

    try:
        if isinstance(found, LocalGitFile):
            source = git.Repo(found.repo_path)
        else:
            found.fetch_if_required()
            source = found.hosted_repo.repo
        commit = source.commit(found.ref).hexsha
        if not os.path.isdir(folder):
            # Complete, or not there.
            partial = f"{folder}.{os.getpid()}.partial"
            git.Repo.clone_from(source.git_dir, partial, no_checkout=True).git.checkout(
                commit, detach=True
            )
            os.rename(partial, folder)
        copy = git.Repo(folder)
        if copy.head.commit.hexsha != commit:
            copy.git.fetch(source.git_dir, commit)
            copy.git.checkout(commit, detach=True)
    except (git.GitError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise WorkflowError(f"{found}: cannot be checked out in {folder}: {said}")


# Two folders above this file.
CHECKOUT = checkout(workflow.current_basedir.join("../.."))

# The code of this checkout runs, also where another version of it is installed.
if sys.path[0] != CHECKOUT:
    sys.path.insert(0, CHECKOUT)

import experiments

imported = os.path.dirname(os.path.dirname(experiments.__file__))
if not os.path.samefile(imported, CHECKOUT):
    raise WorkflowError(
        f"{CHECKOUT}: one workflow cannot use two versions of this one, and {imported} is in use: "
        "use one of them, or two workflows"
    )
