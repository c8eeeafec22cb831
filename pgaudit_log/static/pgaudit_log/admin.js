/* Makes the audit screens quicker to use; they work without it. */
"use strict";
{
    const cards = () => [...document.querySelectorAll(".pgh-main .pgh-card")];

    const isTyping = (target) =>
        target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName);

    // j and k go to the next and the previous card, x unfolds what it has.
    document.addEventListener("keydown", (event) => {
        if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const all = cards();
        const here = all.findIndex((card) => card.contains(document.activeElement));
        if (event.key === "j" || event.key === "k") {
            const next = all[event.key === "j" ? here + 1 : here - 1];
            if (next) {
                next.setAttribute("tabindex", "-1");
                next.focus();
                next.scrollIntoView({ block: "nearest" });
            }
        } else if (event.key === "x" && here >= 0) {
            const folded = [...all[here].querySelectorAll("details")];
            const open = !folded.every((one) => one.open);
            folded.forEach((one) => { one.open = open; });
        }
    });

    // What has come since is told once a minute: not in a page that nobody looks at, and not for ever,
    // so that it does not keep a session alive.
    document.querySelectorAll(".pgh-newer").forEach((place) => {
        let times = 10;
        const timer = setInterval(async () => {
            if (document.hidden) {
                return;
            }
            const answer = await fetch(place.dataset.url);
            const text = answer.ok && !answer.redirected ? (await answer.json()).text : null;
            times -= 1;
            if (text === null || times === 0) {
                clearInterval(timer);
            }
            if (text && text !== place.textContent) {
                const link = document.createElement("a");
                link.href = place.dataset.page;
                link.textContent = text;
                place.replaceChildren(link);
            }
        }, Number(place.dataset.every || 60) * 1000);
    });

    // The address says all that a page shows: it can be sent to somebody. Browsers let it be copied only
    // where the connection is safe.
    document.querySelectorAll(".pgh-copy").forEach((place) => {
        const told = place.querySelector("[role=status]");
        place.hidden = !navigator.clipboard;
        place.querySelector("button").addEventListener("click", async () => {
            try {
                await navigator.clipboard.writeText(location.href);
            } catch {
                place.hidden = true;
                return;
            }
            told.textContent = told.dataset.copied;
            setTimeout(() => { told.textContent = ""; }, 4000);
        });
    });

    // What was not filled in does not stand in the address.
    document.querySelectorAll("form.pgh-filters").forEach((form) => {
        form.addEventListener("formdata", (event) => {
            [...event.formData.entries()].forEach(([name, value]) => {
                if (value === "") {
                    event.formData.delete(name);
                }
            });
        });
    });

    // Whom a name begins to mean is offered while it is written.
    const users = document.getElementById("pgh-users");
    if (users) {
        let waiting;
        document.querySelectorAll("input[list=pgh-users]").forEach((input) => {
            input.addEventListener("input", () => {
                clearTimeout(waiting);
                waiting = setTimeout(async () => {
                    const asked = input.value.trim();
                    const answer = asked ? await fetch(`${users.dataset.url}?term=${encodeURIComponent(asked)}`) : null;
                    if (!answer || !answer.ok || input.value.trim() !== asked) {
                        return;
                    }
                    const found = (await answer.json()).users;
                    users.replaceChildren(...found.map((name) => {
                        const option = document.createElement("option");
                        option.value = name;
                        return option;
                    }));
                }, 200);
            });
        });
    }
}
