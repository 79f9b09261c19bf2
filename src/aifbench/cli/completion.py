"""`aifbench completion`."""

from __future__ import annotations

import sys

import click

from aifbench.cli.screen import note

WHERE = {
    "bash": 'eval "$(aifbench completion bash)"      in ~/.bashrc',
    "zsh": 'eval "$(aifbench completion zsh)"       in ~/.zshrc',
    "fish": "aifbench completion fish | source       in ~/.config/fish/config.fish",
}


@click.command(
    epilog="\b\nTo switch it on, write this line into the shell's start file:\n  " + "\n  ".join(WHERE.values())
)
@click.argument("shell", type=click.Choice(sorted(WHERE)))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    from aifbench.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(cli, {}, "aifbench", "_AIFBENCH_COMPLETE").source())
    if sys.stdout.isatty():
        note(f"# to switch it on: {WHERE[shell]}")
