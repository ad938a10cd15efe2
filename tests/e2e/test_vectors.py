"""Own vectors in the browser: a file is uploaded, saved, chosen and looked at."""

import io

import numpy as np

from tests.e2e import looking


def test_a_file_of_vectors_is_saved_chosen_and_drawn(address: str, tab) -> None:
    stream = io.BytesIO()
    np.save(stream, np.random.default_rng(0).normal(size=(3, 440, 16)).astype(np.float32))
    tab.goto(f"{address}/models?models_view=Own+vectors&texts=sentiment")
    looking.opened(tab, "Models")
    tab.locator("[class*=st-key-vectors_file] input[type=file]").set_input_files(
        {"name": "browser.npy", "mimeType": "application/octet-stream", "buffer": stream.getvalue()}
    )
    tab.get_by_text("npy · 3 layers · 440 rows · 16 dimensions · float32").wait_for()
    save, use = tab.locator(".st-key-vectors_save button"), tab.locator(".st-key-vectors_saved_use button")
    save.or_(use).first.wait_for()
    if save.count():
        save.click()
    use.click()
    tab.locator("[data-testid=stSidebar]").get_by_text("Imported vectors are taken as they are").wait_for()
    looking.go(tab, "Similarity")
    looking.run_if_asked(tab)
    tab.locator(".js-plotly-plot").first.wait_for(timeout=looking.RUN_MS)
    tab.get_by_text("vectors as imported").first.wait_for()
    assert tab.locator("[data-testid=stException]").count() == 0
