"""Odd but right main.cf and master.cf files, from a seed: what Postfix and we must read alike."""

from __future__ import annotations

import random

__all__ = ["main_cf", "master_cf"]

_NAMES = ("alpha", "beta", "gamma", "delta", "mua_client", "mua_9", "relayhost", "myorigin")
_WORDS = ("one", "two,", "hash:/etc/x", "reject", "permit_mynetworks", "127.0.0.0/8", "a=b", "$$")


def main_cf(seed: int) -> str:
    """A file with names that stand for each other, never in a circle."""
    choice = random.Random(seed)
    lines = ["myhostname = mail.example.org", "mydomain = example.org", "compatibility_level = 3.6"]
    known = ["myhostname", "mydomain"]
    for name in choice.sample(_NAMES, k=6):
        for _ in range(choice.choice((1, 1, 1, 2))):
            lines += _parameter(choice, name, known)
        known.append(name)
    return "\n".join(lines) + choice.choice(("\n", ""))


def _parameter(choice: random.Random, name: str, known: list[str]) -> list[str]:
    words = [_word(choice, known) for _ in range(choice.randrange(5))]
    equals = choice.choice((" = ", "=", " =", "= ", "\t=\t"))
    lines = [f"{name}{equals}"]
    for word in words:
        if choice.random() < 0.35:
            lines += choice.sample(
                ["# a comment", "", "   ", "\t# indented"], k=choice.randrange(3)
            )
            lines.append(choice.choice(("  ", "\t", " \t ")) + word)
        else:
            lines[-1] += f" {word}" if not lines[-1].startswith("#") else ""
            if lines[-1].startswith("#") or not lines[-1].strip():
                lines.append(f"  {word}")
    return lines


def _word(choice: random.Random, known: list[str]) -> str:
    name = choice.choice(known)
    other = choice.choice((*known, "nobody_defined_this"))
    level = choice.choice(("2", "3.6", "4"))
    forms = (
        f"${name}",
        f"${{{name}}}",
        f"$({name})",
        f"${{{other}?yes}}",
        f"${{{other}:no}}",
        f"${{{other}?{{yes ${name}}}:{{no}}}}",
        f"${{{{${name}}} == {{mail.example.org}} ? {{same}} : {{other}}}}",
        f"${{{{${name}}} != {{{choice.choice(('a', 'b'))}}} ? {{x}}}}",
        f"${{{{$compatibility_level}} <level {{{level}}} ? {{o}} : {{n}}}}",
    )
    return choice.choice((*forms, *_WORDS, *_WORDS))


def master_cf(seed: int) -> str:
    """A file of services."""
    choice = random.Random(seed)
    lines: list[str] = []
    for name in choice.sample(("smtp", "submission", "127.0.0.1:10025", "[::1]:587", "443"), k=4):
        lines.append(choice.choice(("", "# comment", "#off inet n - n - - smtpd")))
        fields = [name, "inet", "n", "-", choice.choice("yn-"), "-", choice.choice(("-", "5"))]
        lines.append(choice.choice((" ", "\t", "      ")).join([*fields, "smtpd"]))
        if choice.random() < 0.3:
            lines[-1] += " -v"
        lines += [_option(choice) for _ in range(choice.randrange(4))]
    lines.append("filter unix - n n - 10 pipe")
    lines.append("  flags=Rq user=filter argv=/bin/filter -f ${sender} -- ${recipient}")
    return "\n".join(line for line in lines if line) + "\n"


def _option(choice: random.Random) -> str:
    name = choice.choice(("smtpd_tls_security_level", "smtpd_client_restrictions", "syslog_name"))
    value = choice.choice(("encrypt", "permit_sasl_authenticated,reject", "$mua_client", ""))
    forms = [f"-o {name}={value}", f"-o {{ {name} = {value} }}"]
    if "o" not in name:  # postconf, unlike smtpd, takes every further o for another option
        forms.append(f"-o{name}={value}")
    form = choice.choice(forms)
    return choice.choice(("  ", "\t")) + form
