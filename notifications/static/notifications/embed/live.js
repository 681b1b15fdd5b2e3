/** For pages with a frame of their own (live.html). The order matters: page.js reads what adopt.js has put on the body. */

import "./adopt.js";
import "../page.js";
