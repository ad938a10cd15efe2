// A link that was opened at the door is opened again behind it: the login comes back to the first page, whatever was asked for.

const KEY = "embedscope_asked_for";

export default function ({ data }) {
  const here = location.pathname + location.search;
  if (data.outside) {
    sessionStorage.setItem(KEY, here);
    return;
  }
  const asked = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  if (asked && asked !== "/" && asked !== here) location.replace(location.origin + asked); // with its origin it leads nowhere else
}
