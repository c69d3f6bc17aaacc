/* pages.c - one row per file. */
#include "http/pages.h"

#include "cw_page_actions_js.h"
#include "cw_page_bans_js.h"
#include "cw_page_base_js.h"
#include "cw_page_chanway_js.h"
#include "cw_page_charts_js.h"
#include "cw_page_chat_js.h"
#include "cw_page_console_js.h"
#include "cw_page_dashboard_css.h"
#include "cw_page_dashboard_js.h"
#include "cw_page_group_js.h"
#include "cw_page_icon_svg.h"
#include "cw_page_index_html.h"
#include "cw_page_lookup_js.h"
#include "cw_page_model_js.h"
#include "cw_page_ops_js.h"
#include "cw_page_page_js.h"
#include "cw_page_payload_js.h"
#include "cw_page_picture_js.h"
#include "cw_page_tail_js.h"

#include <stddef.h>

/* Connections go to any node: the demo's two clients are on two of them. */
const char cw_page_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

#define CSS  "text/css; charset=utf-8"
#define HTML "text/html; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define SVG  "image/svg+xml"

/* clang-format off */
#define PAGES(ROW) \
    ROW("/", HTML, cw_page_index_html) \
    ROW("/dashboard.css", CSS, cw_page_dashboard_css) \
    ROW("/dashboard.js", JS, cw_page_dashboard_js) \
    ROW("/actions.js", JS, cw_page_actions_js) \
    ROW("/bans.js", JS, cw_page_bans_js) \
    ROW("/charts.js", JS, cw_page_charts_js) \
    ROW("/chat.js", JS, cw_page_chat_js) \
    ROW("/console.js", JS, cw_page_console_js) \
    ROW("/lookup.js", JS, cw_page_lookup_js) \
    ROW("/model.js", JS, cw_page_model_js) \
    ROW("/page.js", JS, cw_page_page_js) \
    ROW("/picture.js", JS, cw_page_picture_js) \
    ROW("/tail.js", JS, cw_page_tail_js) \
    ROW("/icon.svg", SVG, cw_page_icon_svg) \
    ROW("/chanway.js", JS, cw_page_chanway_js) \
    ROW("/lib/base.js", JS, cw_page_base_js) \
    ROW("/lib/group.js", JS, cw_page_group_js) \
    ROW("/lib/ops.js", JS, cw_page_ops_js) \
    ROW("/lib/payload.js", JS, cw_page_payload_js)
/* clang-format on */

bool cw_page_find(struct cw_bytes path, struct cw_page *ret_page)
{
    static const struct {
        const char *path;
        const char *content_type;
        const char *data;
        const size_t *size;
    } pages[] = {
#define PAGE(path, content_type, symbol) {path, content_type, symbol, &symbol##_size},
        PAGES(PAGE)
#undef PAGE
    };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!cw_bytes_is(path, pages[i].path))
            continue;
        *ret_page = (struct cw_page){pages[i].path, pages[i].content_type,
                                     cw_bytes_make(pages[i].data, *pages[i].size)};
        return true;
    }
    return false;
}
